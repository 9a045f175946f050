//! The stream against naive models.
