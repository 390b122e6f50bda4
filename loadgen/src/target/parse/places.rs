//! Which places a template may have, and what to say about one that it may not.

use std::ops::Range;

use chaos::plan::{Mistakes, nearest};

use crate::target::template::Template;

/// Places of the command line and the environment that are always known.
pub(super) const START: [&str; 4] = ["port", "url", "data", "stock"];

/// Places of a buyer's request, the product's words aside.
pub(super) const BUYER: [&str; 5] = ["product", "quantity", "key", "requester", "buyer"];

/// Places of what a factory says; `{order:/pointer}` takes a value from the order itself.
pub(super) const FACTORY: [&str; 4] = ["product", "units", "url", "production"];

/// Reports each place that nothing is known for. Whether a variable of the environment is set is known when the target is started, not here:
/// an old run is judged again without them.
pub(super) fn check(template: &Template, known: &[&str], span: &Range<usize>, field: &str, mistakes: &mut Mistakes<'_>) {
    check_all(template.places(), known, span, field, mistakes);
}

/// The same of places that stand in something else.
pub(super) fn check_all<'p>(
    places: impl Iterator<Item = &'p str>,
    known: &[&str],
    span: &Range<usize>,
    field: &str,
    mistakes: &mut Mistakes<'_>,
) {
    for place in places.filter(|place| !place.starts_with("env:") && !known.contains(place)) {
        let way_out = match nearest(place, known) {
            Some(meant) => format!("did you mean {{{meant}}}?"),
            None if known.is_empty() => "no places can stand here".to_owned(),
            None => format!("there are {{{}}}", known.join("}, {")),
        };
        mistakes.add(span, format!("nothing is known for the place {{{place}}} in `{field}`"), way_out);
    }
}
