//! Unusual code that compiles and runs. Each file is written as the `main.rs` of a user. Here they share one binary, because
//! each binary of its own would link the runtime again.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]

/// Declares the files, and runs the `main` of each one as a test of the same name.
macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        $(
            mod $name;

            #[test]
            fn $name() {
                $name::main();
            }
        )*

        #[test]
        fn every_file_of_the_folder_is_a_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/pass");
            let files = std::fs::read_dir(folder).expect("the folder is readable");
            let files = files.map(|file| file.expect("the folder is readable").file_name());
            let mut files: Vec<String> = files.map(|file| file.to_string_lossy().replace(".rs", "")).collect();
            files.retain(|file| file != "main");
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

programs![
    a_chain_of_versions,
    a_hundred_handlers,
    a_shared_queue_of_different_events,
    a_type_of_serde_with_defaults,
    a_type_with_dashes_and_digits,
    attributes_and_doc_comments,
    cfg_on_variants_and_handlers,
    crate_by_another_name,
    deprecated_event,
    descriptors_in_constants,
    events_and_handlers_of_another_crate,
    every_input_shape,
    every_option,
    every_return_shape,
    family_of_deprecated_event,
    generics_in_fields,
    handler_called_like_any_function,
    handler_in_a_module_of_its_name,
    handlers_in_modules,
    in_a_function_body,
    instrumented_by_tracing,
    lists_can_be_empty,
    lists_end_in_a_comma,
    made_by_a_macro,
    one_function_name_in_two_modules,
    own_extractors_and_states,
    raw_identifiers,
    shadowed_crates,
    shadowed_prelude,
    shadowed_prelude_around_events,
    visibility_of_the_crate,
];
