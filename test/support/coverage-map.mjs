/** What the coverage check is about, whichever test runs: what is in the image, and not the tests' own support. */
export default () => ['dist/src/**/*.js', 'dist/schemas/**/*.js']
