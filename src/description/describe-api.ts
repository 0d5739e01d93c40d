/**
 * Describes the addresses of the service by OpenAPI 3.1. It is loaded when somebody asks, and takes no time of a request to
 * sign: routes have neither the schemas of their answers nor a serializer that is made of them.
 */
import swagger, { formatParamUrl } from '@fastify/swagger'
import Fastify from 'fastify'
import { SHARED_ANSWERS } from '../../schemas/answers.ts'
import { VERSION } from '../common/version.ts'
import { type Operation, TAGS } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { EXAMPLES } from './refusals.ts'
import type { BodySchema, DescribedRoute } from './route-list.ts'

/** A port of the service. */
export interface DescribedPort {
  readonly scheme: 'http' | 'https'
  readonly port: number
  readonly routes: readonly DescribedRoute[]
}

const DESCRIPTION =
  'Signs for Document Engine, for pages with the Web SDK and for other software, with keys that stay in an HSM.\n\n' +
  'Every refusal is JSON with a `code` that is stable. 200 is the only status of success.\n\n' +
  'Examples of requests can be sent as they are. One that has the name of a code is refused with it; all others are ' +
  'answered 200 by a service that everybody may call, or with a token.'

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of `ACCESS_FILE` with `ACCESS=tokens`, or a JSON Web Token with `ACCESS=jwt`. The callback also takes it in the ' +
      'body, as `signing_token`, or as `token` in the JSON of its `signing_token`; two places must have the same one. With ' +
      '`ACCESS=open` nobody looks at it.',
  },
  clientCertificate: {
    type: 'mutualTLS',
    description:
      'With `TLS_CLIENT_CA_FILE` each connection takes a certificate; `TLS_CLIENT_NAMES` says of whom.',
  },
} as const

/**
 * Returns the description.
 *
 * @param ports those that the service has, the one for requests to sign first
 */
export async function describeApi(ports: readonly [DescribedPort, ...DescribedPort[]]): Promise<object> {
  const app = Fastify({ exposeHeadRoutes: false })
  // Nothing is asked, checked or sent here
  app.setValidatorCompiler(() => Boolean)
  app.setSerializerCompiler(() => JSON.stringify)
  const routes = findPorts(ports)
  const openapi = {
    openapi: '3.1.0',
    info: {
      title: 'Signing service',
      version: VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [describeServer(ports[0])],
    tags: describeTags(routes),
    // The types of the library have no mutualTLS, which is new in OpenAPI 3.1
    components: { securitySchemes: SECURITY_SCHEMES as never, examples: EXAMPLES },
  }
  await app.register(swagger, {
    openapi,
    convertConstToEnum: false,
    refResolver: { buildLocalReference: (schema) => `${schema.$id}` },
  })
  const bodies = ports.flatMap(({ routes }) => routes.flatMap(({ body }) => body ?? []))
  for (const body of new Set(bodies)) {
    app.addSchema({ ...body, $id: nameBody(body) })
  }
  for (const schema of SHARED_ANSWERS) {
    app.addSchema(schema)
  }
  const names = new Set<string>()
  for (const { route, having } of routes) {
    const { method, url } = route
    const servers =
      having.length === 1 && having[0] === ports[0] ? {} : { servers: having.map(describeServer) }
    app.route({ method, url, schema: { ...describeRoute(route, names), ...servers }, handler: Boolean })
  }
  await app.ready()
  const described = app.swagger() as Described
  for (const { route } of routes) {
    addExamples(described, route)
  }
  return described
}

/** The part of a description that has the bodies of requests. */
interface Described {
  readonly paths: Readonly<
    Record<
      string,
      { readonly post?: { readonly requestBody?: { readonly content: Record<string, object> } } }
    >
  >
}

/** Adds examples of requests, which the library does not take beside a reference to a schema. */
function addExamples({ paths }: Described, { url, operation }: DescribedRoute): void {
  const { requests: examples }: Operation = OPERATIONS[operation]
  const content = paths[formatParamUrl(url)]?.post?.requestBody?.content['application/json']
  if (content !== undefined && examples !== undefined) {
    Object.assign(content, { examples })
  }
}

/** Describes the tags of these routes. */
function describeTags(routes: ReturnType<typeof findPorts>) {
  const used = routes.map(({ route }) => OPERATIONS[route.operation].tag)
  return Object.entries(TAGS)
    .filter(([name]) => used.some((tag) => tag === name))
    .map(([name, description]) => ({ name, description }))
}

/** Returns each route once, with the ports that have it. */
function findPorts(ports: readonly DescribedPort[]) {
  const found = new Map<string, { readonly route: DescribedRoute; readonly having: DescribedPort[] }>()
  for (const port of ports) {
    for (const route of port.routes) {
      const address = `${route.method} ${route.url}`
      const { having } = found.get(address) ?? { having: [] }
      found.set(address, { route, having: [...having, port] })
    }
  }
  return [...found.values()]
}

function describeServer({ scheme, port }: DescribedPort) {
  return { url: `${scheme}://{host}:${port}`, variables: { host: { default: 'localhost' } } }
}

/** The parameter of paths that end in the name of a signer. */
const SIGNER = {
  type: 'string',
  description: 'name of the signer, as in SIGNERS_FILE',
  examples: ['default'],
}

/** @param names the names of functions so far, to which that of this one is added */
function describeRoute({ url, body, operation }: DescribedRoute, names: Set<string>) {
  const { operationId, tag, summary, description, security, answers }: Operation = OPERATIONS[operation]
  return {
    ...{ operationId: nameFunction(operationId, url, names), tags: [tag], summary, description, security },
    response: answers,
    ...(body && { body: { $ref: `${nameBody(body)}#` } }),
    ...(url.endsWith('/:signer') && { params: { type: 'object', properties: { signer: SIGNER } } }),
  }
}

/** Returns the name of the schema of a body, made of its title. */
function nameBody({ title }: BodySchema): string {
  return joinWords(title.split(' '))
}

/** Paths of the callback that are not in the names of their functions. */
const USUAL_PATHS = ['/sign', '/sign/:signer']

/** Returns a name for each path of the callback, as clients have one function for each operation. */
function nameFunction(operationId: string, url: string, names: Set<string>): string {
  const isOnlyOne = !/^sign(As)?$/.test(operationId) || USUAL_PATHS.includes(url)
  const words = url.replace(/\/:signer$/, '').match(/[A-Za-z0-9]+/g) ?? ['root']
  let name = isOnlyOne ? operationId : `${operationId}At${joinWords(words)}`
  // The path / is named as /root is
  while (names.has(name)) {
    name += 'Too'
  }
  names.add(name)
  return name
}

function joinWords(words: readonly string[]): string {
  return words.map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join('')
}
