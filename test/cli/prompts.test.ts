import { PassThrough } from 'node:stream'
import t from 'tap'
import { askPin } from '../../src/cli/prompts.ts'

/** A terminal at which something is typed. */
function terminal(typed: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const errors = new PassThrough()
  setImmediate(() => input.write(typed))
  return { input, errors, shown: () => `${errors.read()}` }
}

t.test('what is typed is not shown', async (t) => {
  const { shown, ...io } = terminal('user:secreX\u007ft\r')
  t.equal(await askPin(io), 'user:secret')
  t.equal(shown(), 'PIN of the user: \n')
})

t.test('nothing is no PIN', async (t) => {
  for (const typed of ['\r', '\u0003', '\u0004']) {
    await t.rejects(askPin(terminal(typed)), { name: 'CommandFailed', message: 'no PIN was given' })
  }
})

t.test('without a terminal nobody is asked', async (t) => {
  await t.rejects(askPin({ input: new PassThrough(), errors: new PassThrough() }), /no terminal to ask/)
})
