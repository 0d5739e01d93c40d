/** The description by itself, as a linter and a validator of others see it. */
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { describeApi } from '../../src/description/describe-api.ts'
import * as errors from '../../src/errors.ts'
import { listCompleteApp } from '../support/complete-app.ts'
import { AnswerJudge, listOperations, type OpenApi } from '../support/openapi.ts'
import { readPage } from '../support/pages.ts'

const { routes, addresses } = await listCompleteApp()
const calling = { scheme: 'http', port: 6000, routes } as const
const openApi = (await describeApi([calling])) as OpenApi
const operations = listOperations(openApi)

t.test('linter and validator have nothing to say', async (t) => {
  const source = JSON.stringify(openApi)
  const rules = { 'no-invalid-media-type-examples': 'error', 'no-invalid-schema-examples': 'error' } as const
  const config = await createConfig({ extends: ['recommended-strict'], rules })
  const problems = await lintFromString({ source, absoluteRef: '/openapi.json', config })
  t.same(
    problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
    [],
  )
  t.match(await new Validator().validate(JSON.parse(source)), { valid: true })
})

t.test('each address is described but for the files of the page', async (t) => {
  const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  const page = ['start.js', 'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']
  const all = addresses
    .filter((address) => /^(GET|POST|PUT|PATCH|DELETE) /.test(address))
    .map((address) => address.replace(/:signer$/, '{signer}'))
  t.same(all.sort(), [...described, ...page.map((file) => `GET /docs/${file}`)].sort())
})

t.test('each error has an example, with its status and the words of its message', async (t) => {
  const judge = new AnswerJudge(openApi)
  const codes = Object.keys(errors).filter((name) => /^[A-Z_]+$/.test(name) && name !== 'EXIT_CONFIGURATION')
  const { examples } = openApi.components
  t.same(Object.keys(examples).sort(), codes.sort())
  for (const [code, { value }] of Object.entries(examples)) {
    t.equal(value.code, code)
    t.equal(judge.check(['components', 'schemas', 'Refusal'], value), undefined)
    t.notMatch(value.message, /%s|undefined/)
    t.match(readPage('docs/operations.md'), `| \`${code}\` | ${value.statusCode} |`)
  }
})

t.test('each refusal is described under its status', async (t) => {
  const seen = new Set<string>()
  for (const { path, operation } of operations) {
    for (const [status, { content, description }] of Object.entries(operation.responses)) {
      const refusals = Object.values(content['application/json']?.examples ?? {}).flatMap(
        ({ $ref }) => $ref ?? [],
      )
      const codes = refusals.map((ref) => ref.replace('#/components/examples/', ''))
      t.same(codes.length > 0 ? codes.join(', ') : description, description, `${path} ${status}`)
      for (const code of codes) {
        seen.add(code)
        if (status !== 'default') {
          t.equal(`${openApi.components.examples[code]?.value.statusCode}`, status, `${path} ${code}`)
        }
      }
    }
  }
  t.same([...seen].sort(), Object.keys(openApi.components.examples).sort())
})

t.test('names of functions differ, also with a path of the callback', async (t) => {
  const body = { title: 'Callback request' }
  for (const [further, name] of [
    ['/hsm/sign', 'AtHsmSign'],
    ['/root', 'AtRootToo'],
    ['/-', 'AtRootToo'],
  ] as const) {
    const paths = ['/', '/sign', further, '/sign/:signer', `${further}/:signer`]
    const many = await describeApi([
      {
        ...calling,
        routes: paths.map((url) => {
          const operation = url.endsWith(':signer') ? 'sign as' : 'sign'
          return { method: 'POST', url, body, operation }
        }),
      },
    ])
    const names = listOperations(many as OpenApi).map(({ path, operation }) => [path, operation.operationId])
    t.same(Object.fromEntries(names), {
      '/': 'signAtRoot',
      '/sign': 'sign',
      [further]: `sign${name}`,
      '/sign/{signer}': 'signAs',
      [`${further}/{signer}`]: `signAs${name.replace('Too', '')}`,
    })
    t.match(await new Validator().validate(JSON.parse(JSON.stringify(many))), { valid: true })
  }
})

t.test('what is on the port for operators, or on both ports, has their addresses', async (t) => {
  const get = (url: string, operation: 'live' | 'metrics') =>
    ({ method: 'GET', url, body: undefined, operation }) as const
  const live = get('/health/live', 'live')
  const { servers, paths } = (await describeApi([
    {
      scheme: 'https',
      port: 6443,
      routes: [...routes.filter(({ operation }) => operation === 'sign'), live],
    },
    { scheme: 'http', port: 9090, routes: [live, get('/metrics', 'metrics')] },
  ])) as OpenApi
  const urls = (of: typeof servers | undefined) => of?.map(({ url }) => url)
  t.same(urls(servers), ['https://{host}:6443'])
  t.equal(paths['/sign']?.post?.servers, undefined)
  t.same(urls(paths['/health/live']?.get?.servers), ['https://{host}:6443', 'http://{host}:9090'])
  t.same(urls(paths['/metrics']?.get?.servers), ['http://{host}:9090'])
})
