/**
 * Returns whether `text` is the canonical base64 (RFC 4648 4) of `bytes`, which Node decoded: padded, in one line.
 * Node's decoder skips unknown characters, accepts the URL alphabet, and takes the low byte of letters beyond Latin-1;
 * the lengths and the last group show that.
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
