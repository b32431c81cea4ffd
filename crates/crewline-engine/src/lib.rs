//! The engine of Crewline: one writer, group commit, tail ring, wakes, and sessions that pull from the log
