/**
 * Finds the signatures of a PDF (ISO 32000-2 12.8.1) without reading its objects: a signature is found by its ByteRange,
 * which has to be about bytes of the file as they are, in incremental updates too. Anybody may have made the file.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { digest, findHashByOid, type HashAlgorithm, SHA_256 } from '../algorithms/hash-algorithms.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { withDefiniteLengths } from '../asn1/definite-lengths.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'
import { ID_CT_TST_INFO } from '../cms/object-identifiers.ts'
import { MESSAGE_DIGEST, readAttributes, singleValue } from '../cms/signed-attributes-reader.ts'
import { readSignedData, readSignerInfo, type SignedData } from '../cms/signed-data-reader.ts'
import { readTstInfo } from '../timestamp/timestamp-token.ts'
import { readPieces, UnreadableFile } from './read-lines.ts'

/** Signatures of a file. Each is hashed from the beginning of the file, so that thousands would take hours. */
const MAX_SIGNATURES = 100
/** Bytes of a container's hex string, with the zeros behind the container. */
const MAX_CONTENTS_BYTES = 16_777_216
/** Bytes of a container that is no DER, as programs with libraries for BER write it. To make DER of it takes a hundred times as many. */
const MAX_BER_BYTES = 2_097_152
/** Bytes from the name to the end of the array, with white space between the numbers. */
const MAX_ARRAY_BYTES = 1024

/** Offset and length of the bytes before the container, offset and length of those behind it. */
export type ByteRange = readonly [start: number, length: number, secondStart: number, secondLength: number]

export interface PdfSignature {
  readonly byteRange: ByteRange
  /** Content of the container; an authority alone makes a timestamp of the document (ETSI.RFC3161). */
  readonly kind: 'signature' | 'timestamp'
  /** Hash algorithm of `contentsDigest`. */
  readonly hashAlgorithm: HashAlgorithm
  /** SHA-256 of signature in the SignerInfo, hex. */
  readonly signatureSha256: string
  /** Digest of the signed bytes of the file, hex. */
  readonly contentsDigest: string
  /** The digest that was signed, or timestamped, hex; undefined without signed attributes. */
  readonly messageDigest: string | undefined
  /** Digest of the signed attributes, hex; undefined without any. */
  readonly attributesDigest: string | undefined
}

/** A place that looks like a signature, and is none. */
export interface UnreadableSignature {
  /** Offset of its ByteRange in the file. */
  readonly offset: number
  /** A predicate of the signature. */
  readonly wrong: string
}

/** A file is no PDF, or has more signatures than can be looked at. The message names it. */
export class UnusablePdf extends Error {
  constructor(file: string, wrong: string) {
    super(`${file} ${wrong}`)
    this.name = 'UnusablePdf'
  }
}

export interface PdfSignatures {
  /** In the order of the file. */
  readonly signatures: readonly PdfSignature[]
  readonly unreadable: readonly UnreadableSignature[]
}

/**
 * Reads the signatures of a PDF.
 *
 * @throws UnreadableFile, and UnusablePdf when the file is no PDF, or has more than 100 signatures
 */
export async function readPdfSignatures(file: string): Promise<PdfSignatures> {
  const signatures: PdfSignature[] = []
  const unreadable: UnreadableSignature[] = []
  const handle = await openFile(file)
  try {
    const { size } = await handle.stat()
    for (const { offset, numbers } of await findByteRanges(file)) {
      const signature =
        findRangeProblem(numbers, size) ??
        (await readSignature(handle, file, numbers as unknown as ByteRange))
      if (typeof signature === 'string') {
        unreadable.push({ offset, wrong: signature })
      } else {
        signatures.push(signature)
      }
    }
  } finally {
    await handle.close()
  }
  return { signatures, unreadable }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file)
  } catch (error) {
    throw new UnreadableFile(file, error)
  }
}

interface FoundRange {
  readonly offset: number
  /** Empty if it is no array of numbers. */
  readonly numbers: readonly number[]
}

/** The name, each character of which may be written by its code (ISO 32000-2 7.3.5), up to the end of a name (7.2.3). */
const NAME = new RegExp(
  `/${Array.from('ByteRange', writtenAs).join('')}(?=[\\0\\t\\n\\f\\r ()<>[\\]{}/%]|$)`,
  'g',
)

/** Returns a pattern of a character, or of its code in upper or lower case. */
function writtenAs(character: string): string {
  const code = Buffer.from(character).toString('hex')
  return `(?:${character}|#(?:${code}|${code.toUpperCase()}))`
}

/** Bytes of the name where all characters are codes. */
const MAX_NAME_BYTES = 1 + 3 * 'ByteRange'.length
const ARRAY = /^[\0\t\n\f\r ]*\[((?:[\0\t\n\f\r ]*\d{1,15}(?=[\0\t\n\f\r \]]))*)[\0\t\n\f\r ]*\]/
const HEADER = '%PDF-'
/** Bytes in which a reader looks for the header (ISO 32000-1 annex H, note 13). */
const HEADER_WINDOW = 1024

/** Finds the name ByteRange in a file, and the numbers behind it. Equal ranges are one, as a copy of an object is. */
async function findByteRanges(file: string): Promise<FoundRange[]> {
  const found = new Map<string, FoundRange>()
  let text = ''
  /** Offset of the text in the file. */
  let offset = 0
  let hasHeader = false
  const search = (end: number) => {
    for (const { index, 0: name } of text.matchAll(NAME)) {
      if (index < end) {
        const behind = text.slice(index + name.length, index + name.length + MAX_ARRAY_BYTES)
        const [, array = ''] = ARRAY.exec(behind) ?? []
        const numbers = array
          .split(/[\0\t\n\f\r ]+/)
          .filter(Boolean)
          .map(Number)
        found.set(numbers.length === 4 ? `${numbers}` : `at ${offset + index}`, {
          offset: offset + index,
          numbers,
        })
        if (found.size > MAX_SIGNATURES) {
          throw new UnusablePdf(file, `has more than ${MAX_SIGNATURES} signatures`)
        }
      }
    }
  }
  for await (const piece of readPieces(file)) {
    hasHeader ||= piece.subarray(0, HEADER_WINDOW).includes(HEADER)
    if (!hasHeader) {
      // The rest, which may have no end, is not read
      break
    }
    text += piece.toString('latin1')
    const end = Math.max(0, text.length - MAX_NAME_BYTES - MAX_ARRAY_BYTES)
    search(end)
    text = text.slice(end)
    offset += end
  }
  search(text.length)
  if (!hasHeader) {
    throw new UnusablePdf(file, `is no PDF: it does not begin with ${HEADER}`)
  }
  return [...found.values()]
}

function findRangeProblem(numbers: readonly number[], size: number): string | undefined {
  const [start = -1, length = 0, secondStart = 0, secondLength = 0] = numbers
  if (numbers.length !== 4) {
    return 'has a ByteRange that is not four numbers'
  }
  if (start !== 0 || length === 0 || secondStart < length + 2 || secondStart + secondLength > size) {
    return `has a ByteRange that does not fit a file of ${size} bytes: ${numbers.join(' ')}`
  }
  return secondStart - length > MAX_CONTENTS_BYTES
    ? `leaves out ${secondStart - length} bytes, more than any container has`
    : undefined
}

/** Reads a signature; returns a predicate of it if it cannot be read. */
async function readSignature(
  handle: FileHandle,
  file: string,
  byteRange: ByteRange,
): Promise<PdfSignature | string> {
  const contents = await readContents(handle, byteRange)
  const signature = contents === undefined ? NO_CONTAINER : tryRead(contents)
  return typeof signature === 'string'
    ? signature
    : {
        byteRange,
        ...signature,
        contentsDigest: await digestRanges(file, byteRange, signature.hashAlgorithm),
      }
}

/** Reads the hex string between both ranges (ISO 32000-2 7.3.4.3); undefined if there is something else. */
async function readContents(
  handle: FileHandle,
  [, length, secondStart]: ByteRange,
): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(secondStart - length)
  await handle.read(bytes, 0, bytes.length, length)
  const hex = bytes.toString('latin1').replace(/[\0\t\n\f\r ]+/g, '')
  return /^<(?:[0-9A-Fa-f]{2})*>$/.test(hex) ? Buffer.from(hex.slice(1, -1), 'hex') : undefined
}

const NO_CONTAINER = 'has no container (RFC 5652) in what its ByteRange leaves out'

/** The service has no such hash algorithm, so that none of its records is about the signature. */
class UnknownHash extends Error {
  constructor(oid: string) {
    super(`has a hash algorithm with which the service signs nothing: ${oid}`)
  }
}

type ReadContainer = Omit<PdfSignature, 'byteRange' | 'contentsDigest'>

/** Reads the container, behind which are zeros; returns a predicate of the signature if it cannot be read. */
function tryRead(contents: Buffer): ReadContainer | string {
  try {
    return read(new DerReader(contents).element(TAG.sequence))
  } catch (error) {
    return describeUnknownHash(error) ?? tryReadBer(contents)
  }
}

function tryReadBer(contents: Buffer): ReadContainer | string {
  try {
    return read(withDefiniteLengths(contents.subarray(0, MAX_BER_BYTES)))
  } catch (error) {
    return describeUnknownHash(error) ?? NO_CONTAINER
  }
}

function describeUnknownHash(error: unknown): string | undefined {
  return error instanceof UnknownHash ? error.message : undefined
}

/** @throws UnknownHash; another Error where it is no container */
function read(container: Buffer): ReadContainer {
  const signedData = readSignedData(container) as SignedData
  const [first] = signedData.signerInfos
  const { signature, signedAttributes, digestAlgorithm } = readSignerInfo(first as Buffer)
  const hashAlgorithm = findHash(readAlgorithmIdentifier(digestAlgorithm).oid)
  const attributes = signedAttributes && readAttributes(signedAttributes)
  const value = attributes && singleValue(attributes, MESSAGE_DIGEST)
  const messageDigest = value && new DerReader(value).content(TAG.octetString).toString('hex')
  return {
    ...(signedData.contentType.equals(TST_INFO)
      ? readTimestamp(signedData, hashAlgorithm, messageDigest)
      : { kind: 'signature', hashAlgorithm, messageDigest }),
    signatureSha256: digest(SHA_256, signature).toString('hex'),
    attributesDigest: signedAttributes && digest(hashAlgorithm, signedAttributes).toString('hex'),
  }
}

/** @throws UnknownHash */
function findHash(oid: string): HashAlgorithm {
  const found = findHashByOid(oid)
  if (found === undefined) {
    throw new UnknownHash(oid)
  }
  return found
}

/**
 * Reads what a timestamp is about (RFC 3161 2.4.2).
 *
 * @throws Error when it is none: a signature over the document could call itself one, and would need no record
 */
function readTimestamp({ content }: SignedData, hash: HashAlgorithm, messageDigest: string | undefined) {
  const tstInfo = content as Buffer
  if (digest(hash, tstInfo).toString('hex') !== messageDigest) {
    throw new Error('it is signed over something else')
  }
  const { oid, digest: imprint } = readTstInfo(tstInfo)
  const hashAlgorithm = findHash(oid)
  return { kind: 'timestamp', hashAlgorithm, messageDigest: imprint.toString('hex') } as const
}

const TST_INFO = encodeObjectIdentifier(ID_CT_TST_INFO)

/** Hashes both ranges of a file piece by piece, and returns the digest in hex. */
async function digestRanges(
  file: string,
  byteRange: ByteRange,
  { nodeName }: HashAlgorithm,
): Promise<string> {
  const [start, length, secondStart, secondLength] = byteRange
  const hash = createHash(nodeName)
  const ranges = [
    [start, length],
    [secondStart, secondLength],
  ] as const
  for (const [from, bytes] of ranges) {
    if (bytes > 0) {
      for await (const piece of readPieces(file, { start: from, end: from + bytes - 1 })) {
        hash.update(piece)
      }
    }
  }
  return hash.digest('hex')
}
