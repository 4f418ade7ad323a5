// How report pages look.

export const PAGE_STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.verdict { padding: .6rem .9rem; border-left: 4px solid #2b7a3d; background: #eef7ef; }
.verdict.seen { border-color: #b00020; background: #fdecee; font-weight: 600; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 26rem; max-width: 30rem; }
figcaption { font-weight: 600; } svg { width: 100%; height: auto; } svg text { font-size: 10px; fill: #444; }
.grid { stroke: #e4e4e4; } pre { overflow-x: auto; font-size: 11px; line-height: 1.35; }
table { border-collapse: collapse; } td, th { padding: .15rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e4e4e4; }
td:first-child, th:first-child { text-align: left; }`;
