//! Containers of every kind, made in memory.
#![allow(dead_code, clippy::unwrap_used)] // each of several test programs uses a part

use std::io::{Cursor, Read, Write};

/// One member of a zip archive, with what its headers say of it.
#[derive(Clone)]
pub struct Zipped {
    pub name: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub stored: Vec<u8>,
    pub crc: u32,
    pub size: u32,
}

impl Zipped {
    pub fn new(name: &str, method: u16, bytes: &[u8]) -> Self {
        let stored = match method {
            8 => deflate(bytes),
            // One block that is stored as it is.
            9 => {
                [&[1][..], &(bytes.len() as u16).to_le_bytes(), &(!(bytes.len() as u16)).to_le_bytes(), bytes].concat()
            }
            12 => bzip2(bytes),
            93 => zstd(bytes),
            95 => xz(bytes),
            98 => ppmd(bytes),
            _ => bytes.to_vec(),
        };
        let crc = crc32fast::hash(bytes);
        Self { name: name.into(), method, flags: 0, stored, crc, size: bytes.len() as u32 }
    }
}

/// A zip archive of deflated members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_of(&members.iter().map(|(name, bytes)| Zipped::new(name, 8, bytes)).collect::<Vec<_>>())
}

pub fn zip_of(members: &[Zipped]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let at = out.len() as u32;
        out.extend(b"PK\x03\x04");
        out.extend(common(member));
        out.extend(&member.name);
        out.extend(&member.stored);
        directory.extend(entry(member, at));
    }
    ended(out, &directory, members.len())
}

/// Version, flags, method, time, checksum, sizes, lengths of name and extra field: the same in both headers.
fn common(member: &Zipped) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [20, member.flags, member.method, 0, 0x21] {
        out.extend(number.to_le_bytes());
    }
    for number in [member.crc, member.stored.len() as u32, member.size] {
        out.extend(number.to_le_bytes());
    }
    out.extend((member.name.len() as u16).to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out
}

/// The directory's entry of a member whose own header is at a place.
pub fn entry(member: &Zipped, at: u32) -> Vec<u8> {
    let mut out = b"PK\x01\x02\x14\0".to_vec();
    out.extend(common(member));
    out.extend([0; 10]);
    out.extend(at.to_le_bytes());
    out.extend(&member.name);
    out
}

/// With the directory and the end record behind the members.
pub fn ended(mut out: Vec<u8>, directory: &[u8], count: usize) -> Vec<u8> {
    let at = out.len() as u32;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((count as u16).to_le_bytes());
    out.extend((count as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        out.extend(tar_member(name.as_bytes(), b'0', bytes.len() as u64, b"", bytes));
    }
    out.extend([0; 1024]);
    out
}

/// A header of a tar with any size in it, and the content, padded.
pub fn tar_member(name: &[u8], kind: u8, size: u64, link: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name[..name.len().min(100)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(bytes);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::new(9)).read_to_end(&mut out).unwrap();
    out
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(Cursor::new(bytes), ruzstd::encoding::CompressionLevel::Fastest)
}

pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Of order 8, with 4 MiB of memory, as in a zip.
pub fn ppmd(bytes: &[u8]) -> Vec<u8> {
    let restore = ppmd_rust::RestoreMethod::Restart;
    let mut encoder = ppmd_rust::Ppmd8Encoder::new(Vec::new(), 8, 4 << 20, restore).unwrap();
    encoder.write_all(bytes).unwrap();
    [(7u16 | 3 << 4).to_le_bytes().to_vec(), encoder.finish(true).unwrap()].concat()
}

/// A loose object of a git repository.
pub fn loose(bytes: &[u8]) -> Vec<u8> {
    zlib(&[format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat())
}

/// A document of Word with one paragraph in these pieces, behind an empty one.
pub fn docx(pieces: &[&str]) -> Vec<u8> {
    let runs: String = pieces.iter().map(|piece| format!("<w:r><w:t>{piece}</w:t></w:r><w:proofErr/>")).collect();
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<w:document><w:body><w:p/><w:p></w:p><w:p>{runs}</w:p></w:body></w:document>"
    );
    zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", xml.as_bytes())])
}

pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let mut names = String::new();
    let headers: Vec<String> = members
        .iter()
        .map(|(name, bytes)| {
            let at = names.len();
            names.push_str(&format!("{name}/\n"));
            format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("/{at}"), 0, 0, 0, 644, bytes.len())
        })
        .collect();
    out.extend(format!("{:<48}{:<10}`\n", "//", names.len()).bytes());
    out.extend(names.bytes());
    out.resize(out.len().next_multiple_of(2), b'\n');
    for (header, (_, bytes)) in headers.iter().zip(members) {
        out.extend(header.bytes());
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

pub fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let fields = [1, 0o100_644, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
        out.extend(b"070701");
        out.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        out.extend(name.bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

pub fn rpm(payload: &[u8], scripts: &[u8]) -> Vec<u8> {
    let mut out = b"\xed\xab\xee\xdb\x03\0".to_vec();
    out.resize(96, 0);
    for store in [&b"abc"[..], scripts] {
        out.extend(b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\x01");
        out.extend((store.len() as u32).to_be_bytes());
        out.extend([0; 16]);
        out.extend(store);
        if store == b"abc" {
            out.resize(out.len().next_multiple_of(8), 0);
        }
    }
    out.extend(payload);
    out
}

pub fn png(kind: &[u8; 4], chunk: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, chunk) in [(b"IHDR", &[0; 13][..]), (kind, chunk), (b"IEND", b"")] {
        out.extend((chunk.len() as u32).to_be_bytes());
        out.extend(kind);
        out.extend(chunk);
        out.extend(crc32fast::hash(&[kind, chunk].concat()).to_be_bytes());
    }
    out
}

/// A document of one page whose content stream is this, behind this filter.
pub fn pdf(filter: &str, stream: &[u8]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n".to_vec();
    out.extend(format!("4 0 obj\n<</Length {}{filter}>>\nstream\n", stream.len()).bytes());
    out.extend(stream);
    out.extend(b"\nendstream\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n");
    out
}

/// A database with one table `t(id, secret)` of one row, whose value is spread over pages if it is long.
pub fn sqlite(value: &[u8]) -> Vec<u8> {
    const PAGE: usize = 512;
    let (most, least) = (PAGE - 35, (PAGE - 12) * 32 / 255 - 23);
    let record = |values: &[(u64, &[u8])]| {
        let types: Vec<u8> = values.iter().flat_map(|(kind, _)| varint(*kind)).collect();
        let mut out = varint(types.len() as u64 + 1);
        out.extend(types);
        values.iter().for_each(|(_, bytes)| out.extend(*bytes));
        out
    };
    let text = |bytes: &[u8]| bytes.len() as u64 * 2 + 13;
    let mut pages = vec![vec![0; PAGE]; 2];
    let mut leaf = |number: usize, head: usize, payload: &[u8]| {
        let mut cell = varint(payload.len() as u64);
        cell.extend(varint(1));
        let local = match payload.len() {
            size if size <= most => size,
            size => Some(least + (size - least) % (PAGE - 4)).filter(|local| *local <= most).unwrap_or(least),
        };
        cell.extend(&payload[..local]);
        let chunks: Vec<&[u8]> = payload[local..].chunks(PAGE - 4).collect();
        let first = pages.len() + 1;
        if !chunks.is_empty() {
            cell.extend((first as u32).to_be_bytes());
        }
        for (at, chunk) in chunks.iter().enumerate() {
            let next = if at + 1 < chunks.len() { first + at + 1 } else { 0 };
            let mut page = (next as u32).to_be_bytes().to_vec();
            page.extend(*chunk);
            page.resize(PAGE, 0);
            pages.push(page);
        }
        let page = &mut pages[number];
        let at = PAGE - cell.len();
        page[at..].copy_from_slice(&cell);
        page[head..head + 8].copy_from_slice(&[13, 0, 0, 0, 1, (at >> 8) as u8, at as u8, 0]);
        page[head + 8..head + 10].copy_from_slice(&[(at >> 8) as u8, at as u8]);
    };
    let sql = b"CREATE TABLE t (id INTEGER PRIMARY KEY, \"secret\" TEXT)";
    let schema = [(text(b"table"), &b"table"[..]), (15, b"t"), (15, b"t"), (1, &[2]), (text(sql), sql)];
    leaf(0, 100, &record(&schema));
    leaf(1, 0, &record(&[(0, b""), (text(value), value)]));
    let count = pages.len() as u32;
    let header = &mut pages[0];
    header[..16].copy_from_slice(b"SQLite format 3\0");
    header[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    header[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    header[28..32].copy_from_slice(&count.to_be_bytes());
    header[44..48].copy_from_slice(&4u32.to_be_bytes());
    header[56..60].copy_from_slice(&1u32.to_be_bytes());
    pages.concat()
}

fn varint(number: u64) -> Vec<u8> {
    let mut out = vec![(number & 0x7f) as u8];
    let mut rest = number >> 7;
    while rest > 0 {
        out.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out
}

/// A 7z archive whose one folder is of this method; its header is packed by the same if `encoded`.
pub fn sevenzip(members: &[(&str, &[u8])], lzma2: bool, encoded: bool) -> Vec<u8> {
    let pack = |bytes: &[u8]| if lzma2 { lzma2_of(bytes) } else { bytes.to_vec() };
    let number = |n: usize| [vec![0xc0 | (n >> 16) as u8], (n as u16).to_le_bytes().to_vec()].concat();
    let coder: &[u8] = if lzma2 { &[1, 0x21, 0x21, 1, 24] } else { &[1, 1, 0] };
    let streams = |at: usize, packed: usize, size: usize, files: &[usize]| {
        let mut out =
            [&[6][..], &number(at), &[1, 9], &number(packed), &[0, 7, 11, 1, 0], coder, &[12], &number(size), &[0]]
                .concat();
        if let Some((_, first)) = files.split_last() {
            out.extend([8, 13]);
            out.extend(number(files.len()));
            out.push(9);
            first.iter().for_each(|size| out.extend(number(*size)));
            out.extend([10, 1]);
            files.iter().for_each(|_| out.extend([0; 4]));
            out.push(0);
        }
        out.push(0);
        out
    };
    let content: Vec<u8> = members.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
    let mut body = pack(&content);
    let sizes: Vec<usize> = members.iter().map(|(_, bytes)| bytes.len()).collect();
    let names: Vec<u8> =
        members.iter().flat_map(|(name, _)| name.encode_utf16().chain([0])).flat_map(u16::to_le_bytes).collect();
    let mut header =
        [&[1, 4][..], &streams(0, body.len(), content.len(), &sizes), &[5], &number(members.len()), &[17]].concat();
    header.extend(number(names.len() + 1));
    header.push(0);
    header.extend(names);
    header.extend([0, 0]);
    if encoded {
        let packed = pack(&header);
        let at = body.len();
        body.extend(&packed);
        header = [&[0x17][..], &streams(at, packed.len(), header.len(), &[])].concat();
    }
    let mut out = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
    out.extend((body.len() as u64).to_le_bytes());
    out.extend((header.len() as u64).to_le_bytes());
    out.extend(crc32fast::hash(&header).to_le_bytes());
    out.extend(body);
    out.extend(header);
    out
}

fn lzma2_of(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::Lzma2Options::with_preset(1);
    let mut writer = lzma_rust2::Lzma2Writer::new(Vec::new(), options);
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Every kind of container around a text, with the path that the text has inside, and how it is called.
pub fn every_kind(text: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let name = "inner/.env";
    let members = [("other", &b"nothing"[..]), (name, text)];
    let zipped = |method| zip_of(&[Zipped::new("other", 0, b"nothing"), Zipped::new(name, method, text)]);
    let plain = tar(&members);
    let page = |text: &[u8]| [b"BT /F1 12 Tf 72 720 Td (", text.trim_ascii_end(), b") Tj ET"].concat();
    vec![
        ("zip-stored", zipped(0), "!/inner/.env"),
        ("zip", zipped(8), "!/inner/.env"),
        ("zip-bzip2", zipped(12), "!/inner/.env"),
        ("zip-zstd", zipped(93), "!/inner/.env"),
        ("zip-xz", zipped(95), "!/inner/.env"),
        ("zip-deflate64", zipped(9), "!/inner/.env"),
        ("zip-ppmd", zipped(98), "!/inner/.env"),
        ("zip-behind-a-script", [b"#!/bin/sh\nexec java -jar $0\n".to_vec(), zipped(8)].concat(), "!/inner/.env"),
        ("tar", plain.clone(), "!/inner/.env"),
        ("tar.gz", gz(&plain), "!/inner/.env"),
        ("tar.bz2", bzip2(&plain), "!/inner/.env"),
        ("tar.xz", xz(&plain), "!/inner/.env"),
        ("tar.zst", zstd(&plain), "!/inner/.env"),
        ("tar.lz4", lz4(&plain), "!/inner/.env"),
        ("7z", sevenzip(&members, false, false), "!/inner/.env"),
        ("7z-lzma2", sevenzip(&members, true, true), "!/inner/.env"),
        ("gz", gz(text), ""),
        ("gz-of-two", [gz(b"one\n".repeat(9).as_slice()), gz(text)].concat(), ""),
        ("bz2", bzip2(text), ""),
        ("xz", xz(text), ""),
        ("lz4", [lz4(b"x"), b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), lz4(text)].concat(), ""),
        ("loose", loose(text), ""),
        ("zst", zstd(text), ""),
        (
            "zst-behind-a-skippable-frame",
            [
                b"\x28\xb5\x2f\xfd".to_vec(),
                zstd(b"x")[4..].to_vec(),
                b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
                zstd(text),
            ]
            .concat(),
            "",
        ),
        ("ar", ar(&members), "!/inner/.env"),
        ("deb", ar(&[("debian-binary", b"2.0\n"), ("data.tar.xz", &xz(&plain))]), "!/data.tar.xz!/inner/.env"),
        ("cpio", cpio(&members), "!/inner/.env"),
        ("rpm", rpm(&gz(&cpio(&members)), b"echo"), "!/inner/.env"),
        ("png-ztxt", png(b"zTXt", &[b"Comment\0\0".to_vec(), zlib(text)].concat()), "!/zTXt"),
        ("png-itxt", png(b"iTXt", &[b"Comment\0\x01\0\0\0".to_vec(), zlib(text)].concat()), "!/iTXt"),
        ("pdf", pdf("/Filter/FlateDecode", &zlib(&page(text))), "!/object 4"),
        ("pdf-hex", pdf("/Filter [/ASCIIHexDecode /FlateDecode]", &hex(&zlib(&page(text)))), "!/object 4"),
        ("sqlite", sqlite(&[b"x".repeat(700).as_slice(), b" ", text].concat()), "!/t"),
        (
            "zip-in-tar-gz-in-zip",
            zip(&[("b.tar.gz", &gz(&tar(&[("c.zip", &zip(&[("x", text)]))])))]),
            "!/b.tar.gz!/c.zip!/x",
        ),
    ]
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).chain(*b">").collect()
}
