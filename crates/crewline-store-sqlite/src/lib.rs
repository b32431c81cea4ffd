//! Crewline's embedded store: SQLite with one writer, a checkpointer and a few readers
