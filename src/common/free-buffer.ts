/** An ArrayBuffer where it can be detached: by Node.js 22 and later. */
interface Transferable {
  transfer?(length: number): unknown
}

/**
 * Frees the memory of a buffer at once. V8 does not count this memory when it decides whether to collect the objects of
 * requests, so that the bodies of many would wait for that together. Does nothing on Node.js 20, which cannot.
 *
 * @param buffer that nobody reads any more. One that is a part of another is left, since others may read that.
 */
export function freeBuffer({ buffer, length }: Buffer): void {
  if (length > 0 && buffer.byteLength === length) {
    ;(buffer as Transferable).transfer?.(0)
  }
}
