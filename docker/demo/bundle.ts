import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * Bundles the script of the page, with the parts of the stand-in for Document Engine that it imports, for browsers.
 *
 * @param folder of page.ts
 * @returns an ECMAScript module
 */
export async function bundlePage(folder: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'page.ts')],
    // Brings the stand-in the one global of Node.js that it uses.
    inject: [join(folder, 'buffer.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    write: false,
  })
  return (outputFiles[0] as (typeof outputFiles)[0]).text
}
