// Makes a Node server that asks for every interface listen on 127.0.0.1 alone.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (options, ...rest) {
  const everywhere = options && typeof options === "object" && "port" in options;
  return listen.call(this, everywhere ? { ...options, host: "127.0.0.1" } : options, ...rest);
};
