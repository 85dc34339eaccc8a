"""One module for each kind of warehouse, of one shape: `pipelines.feed.store.Store`."""
