// in: root, map, internal-field, array, default

enum Inner { Red, Green }

enum Inner { Red, Green, Blue }

enum Inner { Red }

#[serde(rename_all = "lowercase")]
enum Inner { Red, Green }

#[serde(rename_all = "lowercase")]
enum Inner { #[serde(alias = "Red")] Red, #[serde(alias = "Green")] Green }

enum Inner { Red, #[serde(other)] Green }

enum Inner { Red, Green, #[serde(other)] Unknown }

enum Inner { #[serde(rename = "Green")] Red, #[serde(rename = "Red")] Green }

type Inner = String;

enum Inner { Red, Green, Other(String) }

#[serde(untagged)]
enum Inner { Known(Colour), Other(String) }
enum Colour { Red, Green }

type Inner = Colour;
enum Colour { Green, /** The first. */ Red }
