//! Small stories, one promise each.

use super::world::{World, alias, claim, finish, link, set};
use crate::goals::model::*;
