/**
 * Whether `bytes` are what `text` stands for and `text` is the one base64 (RFC 4648 4) of them: padded, in one line.
 * Node's decoder skips what it does not know, takes the URL alphabet as well, and of letters beyond Latin-1 the low
 * byte: lengths and the end tell.
 */
export function isCanonicalBase64(text: string, bytes: Buffer): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const lastGroup = bytes.subarray(Math.floor((bytes.length - 1) / 3) * 3)
  return (
    text.length % 4 === 0 &&
    text.length === Buffer.byteLength(text) &&
    bytes.length === (text.length / 4) * 3 - padding &&
    !text.includes('-') &&
    !text.includes('_') &&
    text.endsWith(lastGroup.toString('base64'))
  )
}
