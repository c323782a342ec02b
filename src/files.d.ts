// Files imported `with { type: 'file' }` are their own paths, also inside the executable.

declare module 'swagger-ui-dist/*' {
  const path: string
  export default path
}

declare module '*/start.js' {
  const path: string
  export default path
}

declare module '*.sql' {
  const text: string
  export default text
}

declare module '@electric-sql/pglite/*' {
  const path: string
  export default path
}
