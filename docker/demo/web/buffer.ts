// The package and not the module of Node.js, whose name is that without a path.
export { Buffer } from 'buffer/index.js'
