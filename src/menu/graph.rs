//! The menus as a picture.
