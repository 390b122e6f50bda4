//! The page on which people see the e-mails.

use super::{Mail, Mailbox};

/// E-mails shown; older ones are in the JSON list.
const SHOWN: usize = 200;

/// The page, newest e-mail first.
pub(super) fn of(mailbox: &Mailbox) -> String {
    let count = mailbox.mails().len();
    let mails: String = mailbox.mails().rev().take(SHOWN).map(article).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{count} e-mails</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}}\
         article{{border-top:1px solid #bbb;padding:.7rem 0}}h2{{font-size:1.1rem;margin:0}}p{{margin:.2rem 0;color:#555}}\
         pre{{white-space:pre-wrap;font:inherit}}</style>\
         <h1>{count} e-mails</h1><p>Kept, not sent. The same as JSON: <a href=\"/_aws/ses\">/_aws/ses</a></p>{mails}</html>\n"
    )
}

fn article(mail: &Mail) -> String {
    let recipients = &mail.destination;
    let to: Vec<&str> =
        [&recipients.to_addresses, &recipients.cc_addresses, &recipients.bcc_addresses].into_iter().flatten().map(String::as_str).collect();
    format!(
        "<article><h2>{}</h2><p>{} to {}, {}</p><pre>{}</pre></article>",
        escape(mail.subject.as_deref().unwrap_or("(raw e-mail)")),
        escape(&mail.source),
        escape(&to.join(", ")),
        escape(&mail.timestamp),
        escape(mail.text())
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_says_cannot_become_markup() {
        let mut mailbox = Mailbox::in_memory(10);
        mailbox.keep(Mail { subject: Some("<script>".into()), ..Mail::default() }).unwrap();
        let page = of(&mailbox);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    }
}
