//! `kwastage menus`: looking at the documents before a rider does.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::app::{load_menus, load_templates};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum Menus {
    /// Proves that every screen fits, ends and can be reached, in every language.
    Check,
    /// Draws every way through the screens.
    Graph {
        #[arg(long, value_enum, default_value_t = Picture::Svg)]
        format: Picture,
        /// Where to write it; standard output otherwise.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Picture {
    Svg,
    Mermaid,
}

pub fn run(config: &Config, asked: Menus) -> anyhow::Result<()> {
    let menus = load_menus(config)?;
    match asked {
        Menus::Check => {
            load_templates(config, &menus)?;
            println!(
                "{} screens hold up; version {}.",
                menus.screens().count(),
                menus.digest()
            );
            Ok(())
        }
        Menus::Graph { format, out } => {
            let picture = match format {
                Picture::Svg => menus.svg(),
                Picture::Mermaid => menus.mermaid(),
            };
            match out {
                Some(path) => Ok(std::fs::write(path, picture)?),
                None => {
                    println!("{picture}");
                    Ok(())
                }
            }
        }
    }
}
