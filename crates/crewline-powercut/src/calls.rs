//! The calls themselves: functions with the names of the C library's, which stand before it in every program that this
//! crate is linked into. SQLite and the standard library call them and know nothing of it.
//!
//! Each makes the kernel's call itself, by `rustix`, which does not go through the C library; so none of these functions
//! comes back to itself.
#![expect(
    unsafe_code,
    reason = "C's signatures, so that SQLite and the standard library are served without knowing it"
)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use rustix::fd::{AsFd as _, BorrowedFd, IntoRawFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::recording::{changing, naming, syncing};
use crate::tape::Call;

/// Is called by the recording, so that the linker takes this file, and these functions before the C library's.
pub(crate) fn stand_before_the_library() {
    std::hint::black_box(fsync as *const () as usize);
}

/// What C's functions answer: a number, or -1 and the error beside it.
fn answer<N: From<i8>>(done: Result<N, Errno>) -> N {
    done.unwrap_or_else(|error| {
        // SAFETY: the C library gives each thread a place of its own for its last error, which lives as long as the
        // thread; nobody else writes to it.
        unsafe { *libc::__errno_location() = error.raw_os_error() };
        N::from(-1)
    })
}

fn done(done: Result<(), Errno>) -> c_int {
    answer(done.map(|()| 0))
}

/// # Safety
/// `file` is a descriptor that stays open during the call: whoever calls a function of C on one promises that.
unsafe fn lend<'a>(file: c_int) -> Option<BorrowedFd<'a>> {
    // SAFETY: the caller's promise; -1, which no `BorrowedFd` may be, is looked for here.
    (file >= 0).then(|| unsafe { BorrowedFd::borrow_raw(file) })
}

/// # Safety
/// `name` is a string of C that lives during the call, as C's functions ask for.
unsafe fn read_name<'a>(name: *const c_char) -> &'a CStr {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(name) }
}

fn open_at(folder: BorrowedFd<'_>, name: &CStr, flags: c_int, mode: c_uint) -> c_int {
    let flags = OFlags::from_bits_retain(flags as c_uint);
    let mode = Mode::from_raw_mode(mode);
    let open = || rustix::fs::openat(folder, name, flags, mode);
    let makes = flags.intersects(OFlags::CREATE);
    let opened = if makes { naming(open) } else { open() };
    if let Ok(file) = &opened
        && flags.contains(OFlags::TRUNC)
    {
        changing(
            file.as_fd(),
            || (),
            |(), file| Some(Call::Length { file, length: 0 }),
        );
    }
    answer(opened.map(IntoRawFd::into_raw_fd))
}

/// C's `open`. It takes the mode only where a file is made; where none was given, what stands in its place is not looked at
/// by the kernel.
///
/// # Safety
/// As C's: `name` is a string of C. That `mode` is no variable argument makes no difference where Linux passes both in
/// the same register, as on x86-64 and on 64-bit Arm.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    open_at(CWD, unsafe { read_name(name) }, flags, mode)
}

/// # Safety
/// As [`open`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn open64(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    open_at(CWD, unsafe { read_name(name) }, flags, mode)
}

/// # Safety
/// `file` is open, and `bytes` are `length` bytes that can be read, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn write(file: c_int, bytes: *const c_void, length: usize) -> isize {
    // SAFETY: the caller's promise.
    let (file, bytes) = unsafe { (lend(file), read_bytes(bytes, length)) };
    let Some(file) = file else {
        return answer(Err(Errno::BADF));
    };
    let call = || rustix::io::write(file, bytes);
    let written = changing(file, call, |done, no| {
        let length = *done.as_ref().ok()?;
        // Behind what was written: where the file stands now.
        let end = rustix::fs::tell(file).ok()?;
        Some(Call::Write {
            file: no,
            at: end - length as u64,
            bytes: bytes[..length].to_vec(),
        })
    });
    answer(written.map(|length| length as isize))
}

/// # Safety
/// As [`write`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pwrite64(
    file: c_int,
    bytes: *const c_void,
    length: usize,
    at: i64,
) -> isize {
    // SAFETY: the caller's promise.
    let (file, bytes) = unsafe { (lend(file), read_bytes(bytes, length)) };
    let Some(file) = file else {
        return answer(Err(Errno::BADF));
    };
    let call = || rustix::io::pwrite(file, bytes, at as u64);
    let written = changing(file, call, |done, no| {
        let length = *done.as_ref().ok()?;
        Some(Call::Write {
            file: no,
            at: at as u64,
            bytes: bytes[..length].to_vec(),
        })
    });
    answer(written.map(|length| length as isize))
}

/// # Safety
/// As [`write`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pwrite(
    file: c_int,
    bytes: *const c_void,
    length: usize,
    at: i64,
) -> isize {
    // SAFETY: the caller's promise.
    unsafe { pwrite64(file, bytes, length, at) }
}

/// # Safety
/// `bytes` are `length` bytes that can be read during the call.
unsafe fn read_bytes<'a>(bytes: *const c_void, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(bytes.cast(), length) }
}

/// # Safety
/// `file` is open, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ftruncate64(file: c_int, length: i64) -> c_int {
    // SAFETY: the caller's promise.
    let Some(file) = (unsafe { lend(file) }) else {
        return done(Err(Errno::BADF));
    };
    let length = length as u64;
    let call = || rustix::fs::ftruncate(file, length);
    done(changing(file, call, |done, file| {
        done.is_ok().then_some(Call::Length { file, length })
    }))
}

/// # Safety
/// As [`ftruncate64`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ftruncate(file: c_int, length: i64) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ftruncate64(file, length) }
}

/// # Safety
/// `file` is open, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fsync(file: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let Some(file) = (unsafe { lend(file) }) else {
        return done(Err(Errno::BADF));
    };
    done(syncing(file, || rustix::fs::fsync(file)))
}

/// # Safety
/// As [`fsync`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let Some(file) = (unsafe { lend(file) }) else {
        return done(Err(Errno::BADF));
    };
    done(syncing(file, || rustix::fs::fdatasync(file)))
}

/// # Safety
/// `name` is a string of C, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { read_name(name) };
    done(naming(|| rustix::fs::unlink(name)))
}

/// # Safety
/// Both are strings of C, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let (from, to) = unsafe { (read_name(from), read_name(to)) };
    done(naming(|| rustix::fs::rename(from, to)))
}

/// # Safety
/// Both folders are open or `AT_FDCWD`, and both names strings of C, as C's function asks for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise; what is not open is the folder that one is in.
    let (from_folder, to_folder) = unsafe {
        (
            lend(from_folder).unwrap_or(CWD),
            lend(to_folder).unwrap_or(CWD),
        )
    };
    // SAFETY: the caller's promise.
    let (from, to) = unsafe { (read_name(from), read_name(to)) };
    let flags = AtFlags::from_bits_retain(flags as c_uint);
    done(naming(|| {
        rustix::fs::linkat(from_folder, from, to_folder, to, flags)
    }))
}
