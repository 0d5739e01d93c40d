/**
 * Looks for secrets in all that services and the command say in a test file. The helpers that start services, send
 * requests and run commands tell it what is secret, and show it each log, refusal, page of metrics and output.
 *
 * Findings are told at the end of the process, which then fails, whatever the test has checked itself.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { formsOf } from './secrets.ts'

/** Characters that each form of a secret has at least, and that are hashed together. */
const WINDOW = 8
/** Fewer characters than these, other than of a PIN, could stand anywhere by chance. */
const DISTINCTIVE = 16
/** Contents beyond so many are not looked for, since tests under load send them without end. */
const MAX_CONTENTS = 5_000
/** Characters of a body that are looked through for what is secret in it. */
const LOOKED_AT = 20_000

const BASE = 0x01000193
const LEAVING = Array.from({ length: WINDOW - 1 }).reduce((power: number) => Math.imul(power, BASE), 1)

/** Finds any of many texts in one pass over another one (Rabin-Karp). */
export class TextSearch {
  /** Texts with what they belong to, keyed by the hash of their first characters. */
  readonly #texts = new Map<number, { readonly text: string; readonly name: string }[]>()
  /** 1 where a hash ends in these 22 bits, so that most places of a text cost no look-up. */
  readonly #known = new Uint8Array(0x400000)

  add(name: string, text: string): void {
    let hash = 0
    for (let place = 0; place < WINDOW; place++) {
      hash = (Math.imul(hash, BASE) + text.charCodeAt(place)) | 0
    }
    const texts = this.#texts.get(hash) ?? []
    if (!texts.some((one) => one.text === text)) {
      this.#texts.set(hash, [...texts, { text, name }])
      this.#known[hash & 0x3fffff] = 1
    }
  }

  /** Returns the first place at which one of the texts stands, and what it belongs to. */
  find(within: string): { readonly name: string; readonly text: string; readonly place: number } | undefined {
    let hash = 0
    for (let end = 0; end < within.length; end++) {
      const leaving = end < WINDOW ? 0 : within.charCodeAt(end - WINDOW)
      hash = (Math.imul(hash - Math.imul(leaving, LEAVING), BASE) + within.charCodeAt(end)) | 0
      if (this.#known[hash & 0x3fffff] === 1) {
        const place = end - WINDOW + 1
        const found = this.#texts.get(hash)?.find(({ text }) => within.startsWith(text, place))
        if (found !== undefined) {
          return { ...found, place }
        }
      }
    }
    return undefined
  }
}

const search = new TextSearch()
const known = new Set<string>()
const findings = new Set<string>()
let contents = 0

process.on('exit', () => {
  for (const finding of findings) {
    process.stderr.write(`${finding}\n`)
  }
  if (findings.size > 0) {
    process.exitCode = 1
  }
})

/** Has a secret looked for from now on, in each of its forms. */
export function keepSecret(name: string, secret: Buffer | string): void {
  const key = Buffer.from(secret).toString('latin1')
  if (!known.has(key)) {
    known.add(key)
    for (const form of formsOf(secret).filter(({ length }) => length >= WINDOW)) {
      search.add(name, form)
    }
  }
}

/** Matches what a record of a decision has besides: it is there to say which document was signed. */
const RECORDED_DIGEST = /^(\{(?=[^\n]*"kind":"decision")[^\n]*?"digest":)"[0-9a-f]+"/gm

/** Looks for all secrets in a text that anybody may read. */
export function lookThrough(place: string, given: string): void {
  const text = given.replace(RECORDED_DIGEST, '$1""')
  const found = search.find(text)
  if (found !== undefined) {
    const before = text.slice(Math.max(0, found.place - 200), found.place)
    findings.add(`A secret (${found.name}) is in ${place}: ${before}>>>${found.text}<<<`)
  }
}

/** Keeps what a service or a command is given to log in with, or to verify tokens. */
export function keepEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const name of ['HSM_PIN', 'TSA_PASSWORD', 'ACCESS_JWT_SECRET']) {
    const { [name]: value, [`${name}_FILE`]: file = '' } = environment
    for (const secret of [value, existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined]) {
      if (secret !== undefined && secret.length >= WINDOW) {
        keepSecret(name, secret)
      }
    }
  }
}

const FIELD =
  /"(signing_token|data_to_be_signed|encoded_contents|encodedContents|digest)"\s*:\s*"((?:[^"\\]|\\.){0,4000})/g

/** Words that tests of wrong bodies put in place of tokens and contents. */
const WORD = /^[a-z_]+$/

/** Keeps the tokens and the contents of a request. */
export function keepRequest(authorization: string | undefined, body: Buffer | string | undefined): void {
  keepToken('Authorization', authorization?.replace(/^Bearer /i, '') ?? '')
  for (const [, name = '', value = ''] of `${body?.slice(0, LOOKED_AT) ?? ''}`.matchAll(FIELD)) {
    if (name === 'signing_token') {
      keepToken(name, value.replace(/\\(["\\/])/g, '$1'))
    } else if (value.length >= DISTINCTIVE && !WORD.test(value) && contents < MAX_CONTENTS) {
      contents++
      keepContents(name, Buffer.from(value, name === 'digest' ? 'hex' : 'base64'))
    }
  }
}

/** Keeps a token: of a user's or a JSON Web Token only what follows the first dot, since that is no secret. */
export function keepToken(name: string, token: string): void {
  const parts = /^[\w-]+(\.[\w-]+){1,2}$/.test(token) ? token.split('.').slice(1) : [token]
  for (const part of parts.filter((one) => one.length >= DISTINCTIVE && !WORD.test(one))) {
    keepSecret(name, part)
  }
}

function keepContents(name: string, bytes: Buffer): void {
  if (bytes.length >= DISTINCTIVE / 2) {
    keepSecret(name, bytes)
    keepSecret(`digest of ${name}`, createHash('sha256').update(bytes).digest())
  }
}

/** Bytes at the end of an answer by which its signature is known. */
const END_OF_SIGNATURE = 48

/** Looks through an answer, unless it is the signature that was asked for, which is then kept. */
export function lookThroughAnswer(method: string, url: string, statusCode: number, body: Buffer): void {
  if (method === 'POST' && statusCode === 200) {
    if (contents < MAX_CONTENTS) {
      keepSecret('signature', body.subarray(-END_OF_SIGNATURE))
    }
  } else {
    lookThrough(`the answer ${statusCode} to ${method} ${new URL(url).pathname}`, body.toString('utf8'))
  }
}
