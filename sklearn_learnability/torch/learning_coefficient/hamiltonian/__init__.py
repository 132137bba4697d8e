"""The learning coefficient by Hamiltonian chains on all rows."""
