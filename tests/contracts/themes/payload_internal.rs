// in: root, vec

//! `Held(())` is left out: schemars gives it the schema of `Held`, which accepts other fields, and serde refuses them.

#[serde(tag = "kind")]
enum Inner { Held(Id), Plain }
struct Id { id: u32  }

#[serde(tag = "kind")]
enum Inner { Held { id: u32 }, Plain }

#[serde(tag = "kind")]
enum Inner { Held(Box<Id>), Plain }
struct Id { #[serde(alias = "note")] id: u64  }

#[serde(tag = "kind")]
enum Inner { Held(Id), Plain }
#[serde(deny_unknown_fields)]
struct Id { id: u32  }

#[serde(tag = "kind")]
enum Inner { Held(BTreeMap<String, u32>), Plain }

#[serde(tag = "kind")]
enum Inner { Held(Value), Plain }

#[serde(tag = "kind")]
enum Inner { Held, Plain }

#[serde(tag = "kind")]
enum Inner { Held {}, Plain }

#[serde(tag = "kind")]
enum Inner { Held(Id), Plain }
#[serde(tag = "inner")]
enum Id { Id { id: u32 }, Note { note: String }  }

#[serde(tag = "kind")]
enum Inner { Held(Id), Plain }
#[serde(untagged)]
enum Id { Id { id: u32 }, Note { note: String }  }

#[serde(tag = "kind")]
enum Inner { Held(Id), Plain }
struct Id { #[serde(flatten)] all: BTreeMap<String, Value>  }
