import Console

openStandardDescriptors("uv-inspect")

UVInspect.runOrExit("uv-inspect")
