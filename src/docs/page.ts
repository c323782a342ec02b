import icon from 'swagger-ui-dist/favicon-32x32.png' with { type: 'file' }
import pageStyle from 'swagger-ui-dist/index.css' with { type: 'file' }
import swaggerStyle from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' }
import swaggerScript from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' }
import { type Asset, prepareFile } from './assets.ts'
import startScript from './start.js' with { type: 'file' }

/** The path of the page's files. */
export const ASSETS_PATH = '/docs/assets'

/** Allows only files of this service, and nothing inline. `data:` is for the icons in Swagger UI's styles. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The documentation page: Swagger UI with all its files. It works without the internet. */
export interface DocsPage {
  html: string
  /** By file name, below {@link ASSETS_PATH}. */
  assets: ReadonlyMap<string, Asset>
}

/** Prepares the page. */
export const prepareDocsPage = async (title: string): Promise<DocsPage> => {
  const files = await Promise.all([
    prepareFile('icon.png', icon),
    prepareFile('page.css', pageStyle),
    prepareFile('swagger-ui.css', swaggerStyle),
    prepareFile('swagger-ui.js', swaggerScript),
    prepareFile('start.js', startScript),
  ])
  const link = (name: string) => {
    const path = `${ASSETS_PATH}/${name}`
    if (name.endsWith('.js')) return `<script defer src="${path}"></script>`
    return `<link rel="${name.endsWith('.css') ? 'stylesheet' : 'icon'}" href="${path}">`
  }
  return {
    html: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
${files.map(([name]) => link(name)).join('\n')}
</head>
<body>
<div id="documentation"></div>
<noscript>This page needs JavaScript; <a href="/openapi.json">the document that it shows</a> does not.</noscript>
</body>
</html>
`,
    assets: new Map(files),
  }
}
