//! Descriptors that a launcher passes on by number.
//!
//! A number alone is not proof that the descriptor is open and belongs to nobody else, so Rust calls the conversion
//! unsafe. Here the kernel makes the duplicate: the number is sent over a socket to this process itself. This works on
//! every Unix, unlike `pidfd_getfd`, which needs Linux 5.6 and is forbidden in most containers.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::io::FdFlags;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Duplicates the descriptor with this number. The duplicate is not passed on to child processes.
///
/// # Errors
/// When no descriptor with this number is open, or the limit on open files is reached.
pub fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    let (sender, receiver) = UnixStream::pair()?;
    let numbers = [number];
    // At least one byte has to travel with a descriptor.
    sendmsg::<()>(
        sender.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &[ControlMessage::ScmRights(&numbers)],
        MsgFlags::empty(),
        None,
    )?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        &receiver,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::empty(),
    )?;
    let duplicate = control
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
        // A process without room for another open file receives the byte alone.
        .ok_or_else(|| io::Error::from_raw_os_error(nix::libc::EMFILE))?;
    rustix::io::fcntl_setfd(&duplicate, FdFlags::CLOEXEC)?;
    Ok(duplicate)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_duplicate_is_the_same_socket() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let duplicate = duplicate(theirs.as_raw_fd()).unwrap();
        assert_ne!(duplicate.as_raw_fd(), theirs.as_raw_fd());
        drop(theirs);
        let mut duplicate = UnixStream::from(duplicate);
        ours.write_all(b"ping").unwrap();
        let mut read = [0; 4];
        duplicate.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"ping");
    }

    #[test]
    fn a_duplicate_is_not_passed_on_to_children() {
        let file = tempfile::tempfile().unwrap();
        let duplicate = duplicate(file.as_raw_fd()).unwrap();
        let flags = rustix::io::fcntl_getfd(&duplicate).unwrap();
        assert!(flags.contains(FdFlags::CLOEXEC));
    }

    #[test]
    fn a_number_without_an_open_descriptor_is_an_error() {
        for number in [-1, RawFd::MAX] {
            let error = duplicate(number).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(nix::libc::EBADF), "{number}");
        }
    }
}
