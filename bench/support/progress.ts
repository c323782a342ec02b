/** Where a run is goes to stderr: stdout is for the table. */
export const progress = (text: string) => console.error(text)
