//! The description of the API says everything there is, and what it says holds together.

use std::collections::BTreeSet;

use kwastage::api::table;
use serde_json::Value;
use sqlx::PgPool;

use super::world::World;

#[sqlx::test]
async fn the_description_is_whole(pool: PgPool) {
    let world = World::new(pool).await;
    let document = world.request("GET", "/openapi.json").ask().await.is(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let place = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{place} has no summary");
            assert!(
                operation["x-permission"].is_string(),
                "{place} does not say who may"
            );
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.keys().any(|status| status.starts_with('2')),
                "{place}"
            );
            assert!(answers.contains_key("4XX"), "{place} is never refused");
            // Each place in the path is a parameter.
            for name in path
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                let parameters = operation["parameters"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let there = parameters
                    .iter()
                    .any(|one| one["name"] == name && one["in"] == "path");
                assert!(there, "{place} does not describe {name}");
            }
        }
    }
    let routes = table()
        .into_iter()
        .map(|route| (route.method.to_owned(), route.path));
    assert_eq!(described, routes.collect());

    let mut named = BTreeSet::new();
    references(&document, &mut named);
    for name in &named {
        let schema = name
            .trim_start_matches("#/")
            .split('/')
            .fold(&document, |at, part| &at[part]);
        assert!(schema.is_object(), "{name} leads nowhere");
    }
}

fn references(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("$ref") {
                named.insert(name.clone());
            }
            fields.values().for_each(|field| references(field, named));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, named)),
        _ => {}
    }
}

/// The page asks this server and nobody else.
#[test]
fn the_page_works_offline() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/docs");
    for file in ["page.html", "page.js", "page.css"] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        for elsewhere in ["http://", "https://", "//cdn", "@import", "eval("] {
            assert!(!text.contains(elsewhere), "{file} holds {elsewhere}");
        }
    }
}
