//! Filter policies, operator by operator.

use super::*;

fn on_attributes(policy: &str, attributes: &[Attribute]) -> bool {
    Filter::parse(policy, Scope::MessageAttributes).unwrap().accepts(attributes, "")
}

fn on_body(policy: &str, body: &str) -> bool {
    Filter::parse(policy, Scope::MessageBody).unwrap().accepts(&[], body)
}

fn text(value: &str) -> Vec<Attribute> {
    vec![Attribute::text("k", "String", value)]
}

fn number(value: &str) -> Vec<Attribute> {
    vec![Attribute::text("k", "Number", value)]
}

#[test]
fn exact_values_match_by_type() {
    assert!(on_attributes(r#"{"k":["a","b"]}"#, &text("b")));
    assert!(!on_attributes(r#"{"k":["a"]}"#, &text("b")));
    assert!(on_attributes(r#"{"k":[3]}"#, &number("3.0")));
    assert!(!on_attributes(r#"{"k":["3"]}"#, &number("3")));
    assert!(!on_attributes(r#"{"k":["a"]}"#, &[]), "a key that is not there does not match");
}

#[test]
fn all_keys_must_match() {
    let policy = r#"{"k":["a"],"l":["b"]}"#;
    let both = [Attribute::text("k", "String", "a"), Attribute::text("l", "String", "b")];
    assert!(on_attributes(policy, &both));
    assert!(!on_attributes(policy, &both[..1]));
}

#[test]
fn text_operators() {
    for (condition, accepted, refused) in [
        (r#"{"prefix":"mid"}"#, "midnight", "amid"),
        (r#"{"suffix":"ball"}"#, "football", "balls"),
        (r#"{"equals-ignore-case":"Tennis"}"#, "TENNIS", "tennis!"),
        (r#"{"wildcard":"a*b*c"}"#, "a-b-b-c", "a-c-b"),
        (r#"{"anything-but":"x"}"#, "y", "x"),
        (r#"{"anything-but":["x","y"]}"#, "z", "y"),
        (r#"{"anything-but":{"prefix":"x"}}"#, "yx", "xy"),
        (r#"{"anything-but":{"suffix":["x","y"]}}"#, "xz", "zy"),
        (r#"{"cidr":"10.0.0.0/24"}"#, "10.0.0.255", "10.0.1.0"),
    ] {
        let policy = format!(r#"{{"k":[{condition}]}}"#);
        assert!(on_attributes(&policy, &text(accepted)), "{condition} {accepted}");
        assert!(!on_attributes(&policy, &text(refused)), "{condition} {refused}");
        assert!(!on_attributes(&policy, &[]), "{condition} and no such key");
    }
}

#[test]
fn numeric_ranges_include_their_bounds_only_when_told() {
    for (range, accepted, refused) in
        [(r#"["=",5]"#, "5.0", "5.1"), (r#"[">",0]"#, "0.1", "0"), (r#"[">=",0,"<",150]"#, "0", "150"), (r#"["<=",-1]"#, "-1", "0")]
    {
        let policy = format!(r#"{{"k":[{{"numeric":{range}}}]}}"#);
        assert!(on_attributes(&policy, &number(accepted)), "{range} {accepted}");
        assert!(!on_attributes(&policy, &number(refused)), "{range} {refused}");
    }
    assert!(!on_attributes(r#"{"k":[{"numeric":[">",0]}]}"#, &text("1")), "text is no number");
    assert!(on_attributes(r#"{"k":[{"anything-but":[100,500]}]}"#, &number("101")));
    assert!(!on_attributes(r#"{"k":[{"anything-but":[100,500]}]}"#, &number("500")));
}

#[test]
fn existence_and_arrays() {
    assert!(on_attributes(r#"{"k":[{"exists":true}]}"#, &text("x")));
    assert!(!on_attributes(r#"{"k":[{"exists":true}]}"#, &[]));
    assert!(on_attributes(r#"{"k":[{"exists":false}]}"#, &[]));
    assert!(!on_attributes(r#"{"k":[{"exists":false}]}"#, &text("x")));
    assert!(on_attributes(r#"{"k":["rugby"]}"#, &[Attribute::text("k", "String.Array", r#"["soccer","rugby"]"#)]));
    let binary = Attribute { name: "k".into(), data_type: "Binary".into(), value: Value::Binary(vec![1]) };
    assert!(on_attributes(r#"{"k":[{"exists":true}]}"#, &[binary]));
}

#[test]
fn alternatives_and_keys_go_together() {
    let policy = r#"{"s":["on"],"$or":[{"a":[1]},{"b":[{"prefix":"x"}]}]}"#;
    let source = Attribute::text("s", "String", "on");
    assert!(on_attributes(policy, &[source.clone(), Attribute::text("a", "Number", "1")]));
    assert!(on_attributes(policy, &[source.clone(), Attribute::text("b", "String", "xy")]));
    assert!(!on_attributes(policy, &[source]));
    assert!(!on_attributes(policy, &[Attribute::text("a", "Number", "1")]));
}

#[test]
fn bodies_are_looked_into_as_deep_as_the_policy_goes() {
    let policy = r#"{"order":{"kind":["cake"],"count":[{"numeric":[">",1]}]}}"#;
    assert!(on_body(policy, r#"{"order":{"kind":"cake","count":2}}"#));
    assert!(!on_body(policy, r#"{"order":{"kind":"cake","count":1}}"#));
    assert!(!on_body(policy, r#"{"kind":"cake"}"#));
    assert!(!on_body(policy, "not json"));
    assert!(on_body(r#"{"tags":["hot"]}"#, r#"{"tags":["cold","hot"]}"#));
    assert!(on_body(r#"{"items":{"id":[7]}}"#, r#"{"items":[{"id":6},{"id":7}]}"#));
    assert!(on_body(r#"{"sold":[true]}"#, r#"{"sold":true}"#));
    assert!(on_body(r#"{"gone":[null]}"#, r#"{"gone":null}"#));
    assert!(on_body(r#"{"a":{"b":[{"exists":false}]}}"#, r#"{"c":1}"#));
}

#[test]
fn unsound_policies_are_refused() {
    for policy in [
        "[]",
        r#"{"k":"a"}"#,
        r#"{"k":[]}"#,
        r#"{"k":[["a"]]}"#,
        r#"{"k":{"l":["a"]}}"#,
        r#"{"k":[{"starts":"a"}]}"#,
        r#"{"k":[{"prefix":1}]}"#,
        r#"{"k":[{"prefix":"a","suffix":"b"}]}"#,
        r#"{"k":[{"numeric":[">"]}]}"#,
        r#"{"k":[{"numeric":[">",5,"<",1]}]}"#,
        r#"{"k":[{"numeric":["=",5,"<",9]}]}"#,
        r#"{"k":[{"cidr":"10.0.0.0"}]}"#,
        r#"{"$or":[{"a":[1]}]}"#,
        r#"{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}"#,
    ] {
        assert!(Filter::parse(policy, Scope::MessageAttributes).is_err(), "{policy}");
    }
}
