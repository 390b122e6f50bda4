//! Which property each defect violates, and the first scenario that is meant to expose it.
//!
//! A defect counts as caught when the property it violates is found violated in that scenario. Being found by another property is luck:
//! the next version of the mistake may do without the side effect that gave it away.

use reference::defects::Defect;

use crate::verify::property::Property;

/// What a defect is to be caught by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// The mistake.
    pub defect: Defect,
    /// The property that it violates.
    pub property: Property,
    /// The first scenario meant for it.
    pub scenario: &'static str,
}

impl Aim {
    /// The aim at a defect.
    #[must_use]
    pub fn at(defect: Defect) -> Self {
        let (property, scenario) = match defect {
            Defect::AcceptNegativeQuantity | Defect::TruncateQuantity | Defect::KeyWithoutBody => (Property::NoPhantomSale, "hostile"),
            Defect::ReadThenWrite => (Property::Conservation, "rush"),
            Defect::CheckOutsideTransaction => (Property::NoOverselling, "rush"),
            Defect::AnswerBeforeCommit => (Property::NoLostOrder, "rush"),
            Defect::IgnoreIdempotencyKey | Defect::IdempotencyWithoutAnswer => (Property::NoPhantomSale, "smoke"),
            Defect::StaleStock => (Property::NoWrongRefusal, "smoke"),
            Defect::LeakConnection => (Property::RecoversInTime, "steady"),
            Defect::ShedAfterEffect => (Property::NoPhantomSale, "one-shot"),
            Defect::PublishWithoutOutbox | Defect::ForgetBeforePublish => (Property::OperationsInformed, "throttled-aws"),
            Defect::PublishBeforeCommit => (Property::OperationsInformed, "lost-answers"),
            Defect::SilentSales => (Property::OperationsInformed, "smoke"),
            Defect::ProductionPerRefusal => (Property::FactoryNotOverrun, "smoke"),
            Defect::UndersizedProduction | Defect::CallbackWrongField => (Property::EveryPromiseKept, "smoke"),
            Defect::NeverAsksAgain => (Property::EveryPromiseKept, "hiccups"),
            Defect::MaxReceiveCountOne => (Property::DlqCapture, "hiccups"),
            Defect::ShortVisibility => (Property::DlqCapture, "slow-hands"),
            Defect::NoDlq | Defect::FailWholeBatch | Defect::SwallowPoison => (Property::DlqCapture, "poison"),
            Defect::AckBeforeEffect => (Property::DlqCapture, "mail-down"),
            Defect::FirstRecordOnly => (Property::DlqCapture, "rush"),
            Defect::DropOnShutdown => (Property::DlqCapture, "redeploy"),
            Defect::NoInbox => (Property::OneEffect, "echoes"),
            Defect::RedriveRepeatsEffects | Defect::RestockTwice => (Property::OneEffect, "duplicate-messages"),
            Defect::SwallowFactoryError => (Property::EveryPromiseKept, "factory-closed"),
            Defect::UnboundedRetries => (Property::FactoryNotOverrun, "factory-closed"),
            Defect::BreakerNeverCloses => (Property::RecoversInTime, "factory-closed"),
            Defect::ConcatenateCount => (Property::Conservation, "smoke"),
            Defect::RestockOverwritesSales => (Property::Conservation, "shop-rush"),
            Defect::RecordBeforeMail => (Property::AdsStopped, "mail-down"),
            Defect::MailBeforeRecord => (Property::AdsStopped, "echoes"),
            Defect::MailStorm | Defect::AdsStoppedOnce => (Property::AdsStopped, "smoke"),
        };
        Self { defect, property, scenario }
    }

    /// All aims, in the order in which an order would meet the mistakes.
    pub fn all() -> impl Iterator<Item = Self> {
        Defect::ALL.iter().map(|defect| Self::at(*defect))
    }
}

/// The list of `loadgen defects`.
#[must_use]
pub fn list() -> String {
    let entry = |Aim { defect, property, scenario }: Aim| {
        format!("{:<26} violates {:<20} first seen in {scenario}\n    {}\n", defect.name(), property.name(), defect.about())
    };
    Aim::all().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_scenario_that_a_defect_is_meant_for_is_shipped() {
        for aim in Aim::all() {
            assert!(Scenario::load(aim.scenario).is_ok(), "{}: {}", aim.defect, aim.scenario);
        }
    }

    #[test]
    fn every_property_is_violated_by_some_defect() {
        for property in Property::ALL {
            assert!(Aim::all().any(|aim| aim.property == property), "{}", property.name());
        }
    }
}
