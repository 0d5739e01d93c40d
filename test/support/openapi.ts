/** A description in OpenAPI, by which Ajv judges answers. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Answer } from './http.ts'

interface Media {
  readonly schema: object
  readonly examples?: Readonly<Record<string, { readonly value?: unknown; readonly $ref?: string }>>
}

interface Content {
  readonly content: Readonly<Record<string, Media>>
}

export interface Operation {
  readonly operationId: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly servers?: readonly { readonly url: string }[]
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>
}

export interface OpenApi {
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly examples: Readonly<Record<string, { readonly value: Readonly<Record<string, unknown>> }>>
  }
}

/** An operation with its address. */
export interface Described {
  readonly path: string
  readonly method: string
  readonly operation: Operation
}

export function listOperations({ paths }: OpenApi): Described[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ path, method, operation })),
  )
}

/** Judges answers. Members that are not described are wrong here, although clients must expect them. */
export class AnswerJudge {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })

  constructor(openApi: OpenApi) {
    addFormats.default(this.#ajv)
    this.#ajv.addSchema(closeObjects(openApi) as object, 'api')
  }

  /** Returns what is wrong with an answer; undefined if nothing is. */
  judge({ path, method, operation }: Described, answer: Answer): string | undefined {
    const status = `${answer.statusCode}` in operation.responses ? `${answer.statusCode}` : 'default'
    const [type = ''] = `${answer.headers['content-type']}`.split(';')
    if (operation.responses[status]?.content[type] === undefined) {
      return `${status} is not described with ${type}`
    }
    if (!type.endsWith('json')) {
      return undefined
    }
    const place = ['paths', path, method, 'responses', status, 'content', type, 'schema']
    return this.check(place, answer.json())
  }

  /** Returns what is wrong with a value by the schema at a place. */
  check(place: readonly string[], value: unknown): string | undefined {
    const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    const isRight = this.#ajv.validate({ $ref: `api#/${pointer.join('/')}` }, value)
    return isRight ? undefined : this.#ajv.errorsText()
  }
}

/** Allows no members but those that are described. */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(closeObjects)
  }
  if (typeof value !== 'object' || value === null) {
    return value
  }
  const closed = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closeObjects(one)]))
  const isOfObjects = closed.type === 'object' && closed.properties !== undefined
  return isOfObjects ? { ...closed, additionalProperties: false } : closed
}
