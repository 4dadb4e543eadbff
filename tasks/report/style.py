"""The page's style sheet: system fonts, one column, readable on paper too."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: #1f2933;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 0 0 8px; }
p { margin: 2px 0; }
header { margin-bottom: 18px; }
.ids, .note { color: #616e7c; font-size: 13px; }
.status { font-size: 12px; font-weight: 600; padding: 3px 9px; border-radius: 10px;
  vertical-align: middle; letter-spacing: 0.03em; }
.status.good { background: #d9f0e3; color: #14532d; }
.status.bad { background: #fbe0dd; color: #7f1d1d; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px;
  background: none; border: 0; padding: 0; }
.tile { background: #fff; border: 1px solid #e4e7eb; border-radius: 8px; padding: 10px 12px; }
.tile span { display: block; color: #616e7c; font-size: 12.5px; }
.tile b { font-size: 18px; font-variant-numeric: tabular-nums; }
section { background: #fff; border: 1px solid #e4e7eb; border-radius: 8px; padding: 14px 16px;
  margin: 0 0 14px; }
ul { margin: 0; padding-left: 20px; }
li.warning { color: #8a4b08; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
td { padding: 4px 10px 4px 0; border-top: 1px solid #eef1f4; vertical-align: top; }
tr:first-child td { border-top: 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.metrics i { color: #616e7c; }
.facts td { font-size: 13px; overflow-wrap: anywhere; }
.facts td:first-child { width: 38%; color: #52606d; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { overflow-x: auto; background: #fff; border: 1px solid #e4e7eb; border-radius: 8px;
  padding: 12px 14px; }
summary { cursor: pointer; font-weight: 600; padding: 4px 2px; }
@media print { body { background: #fff; } section, .tile { break-inside: avoid; } }
"""
