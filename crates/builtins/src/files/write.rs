//! `write_file`: a whole file at once, or nothing.

use super::{Files, encoding};
use crate::moment::utc;
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct WriteArguments {
    file_path: String,
    content: String,
    /// Default utf-8.
    encoding: Option<String>,
    /// Default true.
    create_dirs: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WrittenFile {
    success: bool,
    path: String,
    size: u64,
    modified: Option<String>,
    encoding: String,
    created: bool,
}

// === impl Files ===

impl Files {
    pub(super) async fn write_file(
        self: Arc<Self>,
        _context: CallContext,
        asked: WriteArguments,
    ) -> Result<WrittenFile, Failure> {
        if asked.content.is_empty() {
            return Err(Failure::validation("`content` is empty: a file is not emptied by this tool"));
        }
        let encoding = encoding::named(asked.encoding.as_deref().unwrap_or("utf-8"))?;
        let bytes = encoding::encode(&asked.content, encoding)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > self.file_bytes_max {
            let message = format!("the content has {size} bytes; at most {} are written", self.file_bytes_max);
            return Err(Failure::new(FailureKind::Quota, message));
        }
        let roots = Arc::clone(&self.roots);
        self.blocking
            .run(move || {
                let place = roots.place(&asked.file_path)?;
                let written = roots.write(&place, &bytes, asked.create_dirs.unwrap_or(true))?;
                Ok(WrittenFile {
                    success: true,
                    path: written.path.display().to_string(),
                    size,
                    modified: written.metadata.modified().ok().map(utc),
                    encoding: encoding.name().to_lowercase(),
                    created: written.new,
                })
            })
            .await
    }
}
