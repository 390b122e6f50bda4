//! What the advertisers were told: once at least where something was sold out, and no more than repetition explains.

use loadgen::history::event::{Behaviour, Event, Final, OpKind, Passed};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property::AdsStopped;

use super::story::{DONUT, Story, mail, of};

/// A refusal and its restock; no mail yet.
fn sold_out() -> Story {
    let mut story = Story::sound();
    story.finals.retain(|row| !matches!(row, Final::Mail { .. }));
    story
}

#[test]
fn an_episode_without_a_mail_and_one_with_mails_about_something_else_are_told_apart() {
    let sentence = |story: &Story| of(&story.violates(&[AdsStopped]), AdsStopped).violations[0].sentence.clone();
    let mut story = sold_out();
    assert_eq!(sentence(&story), "Episode CP-502101#1 of CP-502101 led to no mail: its ads still run.");
    story.push(mail(Some("CP-502101#1"), "CP-0"));
    assert_eq!(sentence(&story), "Episode CP-502101#1 of CP-502101 led to only mails naming another product: its ads still run.");
}

#[test]
fn a_request_that_was_never_an_order_is_no_reason_to_stop_the_ads() {
    let mut story = Story::with_stock(10);
    story.sold(100, 110, "a", 3, 7);
    let hostile = story.attempt(200, OpKind::Hostile, Behaviour::First, Some("h"), None);
    story.answer_sold_out(210, hostile, "o-h", (0, 7), None);
    story.stock(7);
    assert_eq!(of(&story.judged(), AdsStopped).judgement, Judgement::Holds);
}

#[test]
fn where_episodes_are_hidden_a_mail_stops_the_ads_whether_it_names_its_episode_or_not() {
    for mails in [vec![Some("1")], vec![None], vec![Some("1"), None]] {
        let mut story = sold_out();
        story.finals.retain(|row| !matches!(row, Final::Episode { .. }));
        story.hides("episodes");
        for episode in mails {
            story.push(mail(episode, DONUT));
        }
        story.violates(&[]);
    }
}

#[test]
fn mails_that_name_no_episode_are_a_storm_beyond_what_all_episodes_explain() {
    let mails = |episodes: u64, mails: u64| {
        let mut story = sold_out();
        for episode in 2..=episodes {
            story.push(Final::Episode { episode: format!("CP-502101#{episode}"), product: DONUT.into() });
            story.push(Final::Receipt { consumer: "advertising".into(), id: format!("CP-502101#{episode}") });
        }
        (0..mails).for_each(|_| {
            story.push(mail(None, DONUT));
        });
        story
    };
    mails(1, 3).violates(&[]);
    mails(1, 4).violates(&[AdsStopped]);
    mails(2, 6).violates(&[]);
    mails(2, 7).violates(&[AdsStopped]);
}

#[test]
fn only_a_mail_that_a_fault_struck_explains_one_more() {
    let passing = |what: &str, rules: &[&str]| {
        let mut story = Story::sound();
        (0..3).for_each(|_| {
            story.push(mail(Some("CP-502101#1"), DONUT));
        });
        let call = Passed {
            hop: "aws.advertising".into(),
            what: what.into(),
            ids: Vec::new(),
            began: 500_000,
            took: 500,
            status: Some(200),
            upstream: None,
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            note: None,
        };
        story.line(500, Event::Passed(call));
        story
    };
    passing("SendEmail", &["cut"]).violates(&[]);
    passing("SendEmail", &[]).violates(&[AdsStopped]);
    passing("DeleteMessage", &["cut"]).violates(&[AdsStopped]);
}
