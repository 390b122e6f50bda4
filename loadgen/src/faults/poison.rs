//! Poison on its way: it is known by its text, which carries the id of the message that it was sent beside.

use chaos::decision::{Fault, SendFault};
use chaos::plan::Plan;

/// Stands for the id in the text of a rule.
const ID: &str = "{id}";

/// The texts of all poison of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Poison {
    texts: Vec<String>,
}

impl Poison {
    /// What the rules of a plan send.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let text = |fault: &Fault| match fault {
            Fault::Send(SendFault::Poison { body }) => Some(body.clone()),
            _ => None,
        };
        Self { texts: plan.rules.iter().filter_map(|rule| text(&rule.fault)).collect() }
    }

    /// The business id of a poison; None for anything else.
    #[must_use]
    pub fn id_of(&self, text: &str) -> Option<String> {
        self.texts.iter().find_map(|template| fits(template, text)).map(|beside| format!("poison beside {beside}"))
    }
}

/// What stands for the id, when the text is of this making.
fn fits<'t>(template: &'t str, text: &'t str) -> Option<&'t str> {
    let mut parts = template.split(ID);
    let before = parts.next().unwrap_or_default();
    let Some(after) = parts.next() else { return (template == text).then_some("a message") };
    let rest = text.strip_prefix(before)?;
    let id = if after.is_empty() { rest } else { &rest[..rest.find(after)?] };
    (template.replace(ID, id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poison(text: &str) -> Poison {
        Poison { texts: vec![text.to_owned()] }
    }

    #[test]
    fn poison_is_known_by_its_text_and_named_after_its_neighbour() {
        let default = poison("{\"poison\":\"{id}\",");
        assert_eq!(default.id_of("{\"poison\":\"e-1\",").as_deref(), Some("poison beside e-1"));
        assert_eq!(default.id_of("{\"poison\":\"e-1\"}"), None);
        assert_eq!(default.id_of("도너츠 재고가 없습니다."), None);
        assert_eq!(poison("{id} and {id}").id_of("a and a").as_deref(), Some("poison beside a"));
        assert_eq!(poison("{id} and {id}").id_of("a and b"), None);
        assert_eq!(poison("rubbish").id_of("rubbish").as_deref(), Some("poison beside a message"));
    }
}
