import { Agent } from 'node:http'
import t from 'tap'
import { send } from '../support/http.ts'
import { startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())

t.test('a service that closes finishes its requests and asks for no more on the connection', async (t) => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const service = await startService(t, environment, (app) => {
    app.get('/slow', async () => {
      arrive()
      await released
      return 'done'
    })
  })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const open = await send(`${service.url}/health/live`, { agent })
  t.equal(open.headers.connection, 'keep-alive')

  const slow = send(`${service.url}/slow`, { agent })
  await arrived
  const closed = service.app.close()
  // The hooks that announce the end run before the first turn of the event loop that follows
  await new Promise((resolve) => setTimeout(resolve, 100))
  release()
  const answer = await slow
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.connection, 'close')
  await closed
})
