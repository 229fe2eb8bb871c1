//! What a text costs a model, in tokens. It deliberately knows nothing of tools and catalogs.
