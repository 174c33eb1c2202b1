//! Reads what the kernel tells of its memory for sockets.

const PAGE_BYTES: u64 = 4096;
/// Caches of the kernel that hold nothing but sockets and what belongs to them.
const SOCKET_CACHES: &[&str] = &[
    "TCP",
    "TCPv6",
    "sock_inode_cache",
    "eventpoll_epi",
    "eventpoll_pwq",
    "skbuff_head_cache",
    "skbuff_small_head",
];
/// Each socket also has one of these, but so has every open file.
const FILE_CACHES: &[&str] = &["filp", "dentry"];

/// Objects in use times their size, of what belongs to sockets.
pub(crate) fn slab_bytes(slabinfo: &str) -> Option<u64> {
    let cache = |name: &str| {
        let mut rows = slabinfo.lines().map(str::split_whitespace);
        let mut row = rows.find_map(|mut row| (row.next()? == name).then_some(row))?;
        let used: u64 = row.next()?.parse().ok()?;
        let size: u64 = row.nth(1)?.parse().ok()?;
        Some((used, size))
    };
    let own = SOCKET_CACHES.iter().filter_map(|name| cache(name));
    let own: u64 = own.map(|(used, size)| used * size).sum();
    let (sockets, _) = cache("sock_inode_cache")?;
    let files = FILE_CACHES.iter().filter_map(|name| cache(name));
    let each: u64 = files.map(|(_, size)| size).sum();
    Some(own + sockets * each)
}

/// What TCP has in its buffers.
pub(crate) fn buffer_bytes(sockstat: &str) -> Option<u64> {
    let tcp = sockstat
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = tcp.split_whitespace();
    words.find(|word| *word == "mem")?;
    let pages: u64 = words.next()?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
