//! Columns of what the processes weighed.

use std::collections::BTreeMap;

use super::column::{Column, Largest};
use crate::history::weights::Weights;
use crate::result::series::{Series, WeightColumns};

/// What was weighed, by process.
#[derive(Debug, Default)]
pub(super) struct Heaps {
    processes: BTreeMap<String, Heap>,
    database: Column<Largest>,
    has_database: bool,
}

#[derive(Debug, Default)]
struct Heap {
    memory: Column<Largest>,
    files: Column<Largest>,
    threads: Column<Largest>,
    tasks: Column<Largest>,
}

impl Heaps {
    /// Takes in a weighing.
    pub(super) fn weighed(&mut self, bucket: usize, weights: &Weights) {
        for weight in &weights.processes {
            let heap = self.processes.entry(weight.process.clone()).or_default();
            heap.memory.at(bucket).see(weight.memory);
            heap.files.at(bucket).see(weight.files);
            heap.threads.at(bucket).see(weight.threads);
            if let Some(tasks) = weight.tasks {
                heap.tasks.at(bucket).see(tasks);
            }
        }
        if let Some(bytes) = weights.database {
            self.has_database = true;
            self.database.at(bucket).see(bytes);
        }
    }

    pub(super) fn halve(&mut self) {
        for heap in self.processes.values_mut() {
            for column in [&mut heap.memory, &mut heap.files, &mut heap.threads, &mut heap.tasks] {
                column.halve();
            }
        }
        self.database.halve();
    }

    pub(super) fn finish(self, buckets: usize, series: &mut Series) {
        let values = |column: Column<Largest>| column.values(buckets, |value| value.0);
        series.weights = self
            .processes
            .into_iter()
            .map(|(process, heap)| WeightColumns {
                process,
                memory: values(heap.memory),
                files: values(heap.files),
                threads: values(heap.threads),
                tasks: values(heap.tasks),
            })
            .collect();
        if self.has_database {
            series.database = values(self.database);
        }
    }
}
