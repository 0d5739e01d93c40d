/** Orders and answers of sessions as frames: what is signed, and the signature, are their octets. */
import { encodeFrame, type Frame } from './frames.ts'
import type { FromSession, ToSession } from './messages.ts'

export function encodeToSession(message: ToSession): Buffer {
  return message.type === 'sign'
    ? encodeFrame({ ...message, data: undefined }, message.data)
    : encodeFrame(message)
}

/** @returns what is signed in it is a view of what was read */
export function decodeToSession({ message, octets }: Frame): ToSession {
  const decoded = message as ToSession
  return decoded.type === 'sign' ? { ...decoded, data: octets } : decoded
}

export function encodeFromSession(message: FromSession): Buffer {
  return message.type === 'signed'
    ? encodeFrame({ ...message, signature: undefined }, message.signature)
    : encodeFrame(message)
}

/** @returns the signature in it is a view of what was read */
export function decodeFromSession({ message, octets }: Frame): FromSession {
  const decoded = message as FromSession
  return decoded.type === 'signed' ? { ...decoded, signature: octets } : decoded
}
