//! A scenario meant for the reference, played against a target: in the target's words, and without what it cannot be asked.

use std::sync::Arc;

use chaos::incident::What;

use super::Scenario;
use crate::target::Target;

/// Why a scenario cannot be played against a target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Unfit {
    #[error("scenario {scenario} sells {wanted} products, and {target} has {known}; add [[product]] to its file, or take another scenario")]
    TooFewProducts { scenario: String, wanted: usize, target: String, known: usize },
    #[error(
        "scenario {scenario} does something to the reference's own processes and database ({}); against a target, take one whose faults are all on hops",
        incidents.join(", ")
    )]
    Incidents { scenario: String, incidents: Vec<String> },
}

impl Scenario {
    /// The same scenario against a target: products get the target's names (by place, unless it knows them all by the scenario's own),
    /// nobody looks at a page that it does not have, and hostile buyers try what its requests can express.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn against(mut self, target: Arc<Target>) -> Result<Self, Unfit> {
        let beyond_reach = self.faults.incidents.iter().filter(|incident| !matches!(incident.what, What::Unreachable { .. }));
        let incidents: Vec<String> = beyond_reach.map(|incident| incident.name.to_string()).collect();
        if !incidents.is_empty() {
            return Err(Unfit::Incidents { scenario: self.name, incidents });
        }
        let theirs = &target.speech.products;
        let all_known = self.products.iter().all(|product| theirs.iter().any(|known| known.id == product.id));
        if !all_known {
            if theirs.len() < self.products.len() {
                let (scenario, target_name) = (self.name.clone(), target.name.clone());
                return Err(Unfit::TooFewProducts { scenario, wanted: self.products.len(), target: target_name, known: theirs.len() });
            }
            for (product, known) in self.products.iter_mut().zip(theirs) {
                known.id.clone_into(&mut product.id);
            }
        }
        if target.speech.browse.is_none() {
            self.buyers.browse = 0.0;
        }
        self.hostile.tricks.retain(|trick| target.speech.can_express(*trick));
        if self.hostile.tricks.is_empty() {
            self.hostile.share = 0.0;
            self.expect.min_hostile = 0;
        }
        self.target = Some(target);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(products: &str) -> Arc<Target> {
        let text = format!(
            "name = \"t\"\nabout = \"t\"\nurl = \"http://127.0.0.1:1\"\n{products}\n[purchase]\nrequest = \"POST /o?n={{quantity}}&p={{product}}\"\nsold = {{ status = \"200\" }}\nsold_out = {{ status = \"409\" }}\n"
        );
        Arc::new(Target::parse("t.toml", &text).unwrap())
    }

    #[test]
    fn products_get_the_targets_names_and_what_cannot_be_asked_is_left_out() {
        let rush = Scenario::load("rush").unwrap();
        let played = rush.clone().against(target("[[product]]\nid = \"rye\"")).unwrap();
        assert_eq!((played.products[0].id.as_str(), played.products[0].stock), ("rye", rush.products[0].stock));
        assert!(played.buyers.browse.abs() < f64::EPSILON);
        let named_the_same = rush.against(target("[[product]]\nid = \"rye\"\n[[product]]\nid = \"CP-502101\"")).unwrap();
        assert_eq!(named_the_same.products[0].id, "CP-502101");
    }

    #[test]
    fn a_scenario_that_sells_more_than_the_target_has_is_refused() {
        let mut shop = Scenario::load("rush").unwrap();
        shop.products.push(shop.products[0].clone());
        let refused = shop.against(target("[[product]]\nid = \"rye\"")).unwrap_err().to_string();
        assert!(refused.contains("sells 2 products") && refused.contains("[[product]]"), "{refused}");
    }
}
