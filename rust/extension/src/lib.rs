//! The Python module agio._core: handles and conversion, nothing else.
