//! Compile errors, as letters to their reader.
