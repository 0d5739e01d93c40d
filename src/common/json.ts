/**
 * Parses JSON (RFC 8259) that a person wrote. An error says where it is and quotes nothing, and a name that stands
 * twice in an object is an error. JSON.parse quotes the text, tells the place of few errors, and silently takes the
 * second of two equal names.
 */
import { type JSONVisitor, printParseErrorCode, visit } from 'jsonc-parser'

/** Deepest nesting of arrays and objects: far more than any configuration has, and far less than the stack allows. */
const MAX_DEPTH = 64

/**
 * Parses a JSON text. It takes some ten times as long as JSON.parse for each value.
 *
 * @throws Error that says the line and the column, both from 1, and what is wrong there
 */
export function parseJson(text: string): unknown {
  visit(text, createVisitor(), { disallowComments: true })
  return JSON.parse(text)
}

/** Counts the commas and colons of a text, without which JSON has no more than one value, or lists in lists. */
export function countSeparators(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    count += code === COMMA || code === COLON ? 1 : 0
  }
  return count
}

const COMMA = 0x2c
const COLON = 0x3a

/** Returns a visitor that throws at the first thing that is wrong. */
function createVisitor(): JSONVisitor {
  /** Names in each open object; arrays have none. */
  const open: Set<string>[] = []
  const begin: JSONVisitor['onObjectBegin'] = (_offset, _length, line, column) => {
    open.push(new Set())
    if (open.length > MAX_DEPTH) {
      refuse('arrays and objects are nested too deep', line, column)
    }
  }
  const end = () => void open.pop()
  return {
    onObjectBegin: begin,
    onObjectEnd: end,
    onArrayBegin: begin,
    onArrayEnd: end,
    onObjectProperty(name, _offset, _length, line, column) {
      const names = open.at(-1) as Set<string>
      if (names.size === names.add(name).size) {
        refuse('this name stands in the same object before', line, column)
      }
    },
    onError(code, _offset, _length, line, column) {
      // Such as CommaExpected
      refuse(
        printParseErrorCode(code)
          .replace(/(?!^)[A-Z]/g, ' $&')
          .toLowerCase(),
        line,
        column,
      )
    },
  }
}

/** @param line from 0, as is the column */
function refuse(reason: string, line: number, column: number): never {
  throw new Error(`is not valid JSON (line ${line + 1}, column ${column + 1}: ${reason})`)
}
