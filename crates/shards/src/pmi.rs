//! PMI-1: the protocol between an MPI launcher and the processes that it starts. Slurm's `srun --mpi=pmi2` and MPICH's
//! `mpiexec` speak it, over a Unix socket whose number is in `PMI_FD`. Each line has words such as `cmd=barrier_in`.

mod client;
mod line;
mod server;

pub use client::{PmiClient, inherited_socket};
pub use server::PmiServer;
