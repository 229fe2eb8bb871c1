//! What the model promises, told by small stories; and against a model so simple that it is right.

mod naive;
mod random_walk;
mod stories;
mod world;
