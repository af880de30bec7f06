//! What the macros emit, as files to review.
