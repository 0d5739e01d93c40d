import { PassThrough } from 'node:stream'
import t from 'tap'
import { askPin, confirmDeletion } from '../../src/cli/prompts.ts'

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

t.test('what is not clearly one PIN is said to be what was typed', async (t) => {
  for (const [typed, message] of [
    [' secret\r', 'the PIN that was typed begins or ends with a blank: take it away'],
    [
      'sec\tret\r',
      'the PIN that was typed holds characters that cannot be seen, such as NUL or a tab: write it anew',
    ],
  ] as const) {
    await t.rejects(askPin(terminal(typed)), { name: 'CommandFailed', message })
  }
})

t.test('without a terminal nobody is asked', async (t) => {
  await t.rejects(askPin({ input: new PassThrough(), errors: new PassThrough() }), /no terminal to ask/)
})

t.test('a deletion is confirmed by the label, else by the id, else by the fingerprint', async (t) => {
  const all = { label: 'former', id: '01a2', fingerprint: 'ab' }
  for (const [names, name] of [
    [all, 'former'],
    [{ ...all, label: '' }, '01a2'],
    [{ ...all, label: null, id: '' }, 'ab'],
    [{ ...all, label: ' padded ' }, ' padded '],
  ] as const) {
    t.equal(await confirmDeletion(terminal(''), names, name), name, 'on the command line')
    const { shown, ...io } = terminal(`${name}\r`)
    t.equal(await confirmDeletion(io, names, undefined), name, 'at the terminal')
    t.match(shown(), `Type ${name} to delete it from the token: `)
    const others = Object.values(all).filter((other) => other !== name)
    for (const wrong of [...others, '', 'y', 'yes']) {
      await t.rejects(confirmDeletion(terminal(''), names, wrong), /another name; nothing was changed/)
    }
  }
  t.equal(
    await confirmDeletion(terminal(' former \r'), all, undefined),
    'former',
    'spaces around it do not matter',
  )
})

t.test('what has no name cannot be confirmed', async (t) => {
  const none = { label: '', id: null, fingerprint: null }
  await t.rejects(confirmDeletion(terminal('\r'), none, undefined), /neither label, id nor fingerprint/)
  await t.rejects(confirmDeletion(terminal(''), none, ''), /neither label, id nor fingerprint/)
})
