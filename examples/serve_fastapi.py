"""Poses as a service: POST a picture, get JSON.

    pip install fastapi uvicorn
    python examples/serve_fastapi.py MODEL [CHECKPOINT] [--det whole-image]
    curl --data-binary @photo.jpg http://127.0.0.1:8000/poses

MODEL and --det are those of tools/infer.py: a work dir, a name, a config, an exported file.
There is no login and no encryption: put a proxy that has them before it, to serve others.
"""

import argparse
import threading

try:
    import uvicorn
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.concurrency import run_in_threadpool
except ImportError:
    raise SystemExit('error: the service needs FastAPI: pip install fastapi uvicorn') from None

from mmpose.apis import PoseInferencer
from mmpose.apis.cli import run_tool
from realtime_pose.interface.browser_camera import MAX_BYTES, decode_picture

MAX_REQUESTS = 16  # at a time; others get 503


def create_app(inferencer):
    """Returns the service of a ``PoseInferencer``; one request computes at a time."""
    app = FastAPI(title='Poses', docs_url=None, redoc_url=None)  # their pages load from a CDN
    turn = threading.Lock()

    def estimate(image):
        with turn:
            result = next(inferencer(image))
        height, width = image.shape[:2]
        return {
            'size': [width, height],
            'keypoint_names': list(result.dataset_meta.keypoint_names),
            'people': [pose.to_dict() for pose in result.poses],
        }

    @app.post('/poses')
    async def poses(request: Request):
        """Returns the poses in the picture file that is the body."""
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BYTES:
                raise HTTPException(413, f'the picture is larger than {MAX_BYTES} bytes')
        try:
            image = await run_in_threadpool(decode_picture, bytes(data))
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return await run_in_threadpool(estimate, image)

    @app.get('/health')
    async def health():
        return {'skeleton': inferencer.dataset_meta.name}

    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='work dir, name, config or exported file')
    parser.add_argument('checkpoint', nargs='?', help='weights of a name or config')
    parser.add_argument('--det', help='what finds people, as for tools/infer.py')
    parser.add_argument('--device', help='cpu, cuda or cuda:N')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on')
    parser.add_argument('--port', type=int, default=8000)
    args = parser.parse_args()
    inferencer = PoseInferencer(args.model, args.checkpoint, detector=args.det, device=args.device)
    app = create_app(inferencer)
    uvicorn.run(app, host=args.host, port=args.port, limit_concurrency=MAX_REQUESTS)


if __name__ == '__main__':
    run_tool(main)
