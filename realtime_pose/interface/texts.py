"""What the page says, in English and Spanish."""

from __future__ import annotations

LANGUAGES = {'English': 0, 'Español': 1}

TEXTS: dict[str, tuple[str, str]] = {
    'title': ('Live pose', 'Pose en vivo'),
    'model': ('Model', 'Modelo'),
    'device': ('Device', 'Dispositivo'),
    'source': ('Source', 'Fuente'),
    'source_help': (
        'Cameras are those of the server; the camera of your browser is in the other tab.',
        'Las cámaras son las del servidor; la de su navegador está en la otra pestaña.',
    ),
    'size': ('Size of camera or figure', 'Tamaño de la cámara o figura'),
    'fps': ('Frames per second of the source', 'Imágenes por segundo de la fuente'),
    'target_fps': ('Rate to hold by doing less', 'Ritmo que se mantiene haciendo menos'),
    'adaptive': ('Hold a frame rate', 'Mantener un ritmo'),
    'threshold': ('Show joints above', 'Mostrar articulaciones por encima de'),
    'smoothing': ('Steady the joints', 'Suavizar las articulaciones'),
    'people': ('At most so many people', 'Personas como máximo'),
    'lift': ('3D (approximate, from one camera)', '3D (aproximado, de una sola cámara)'),
    'skin': ('Humanoid instead of bones', 'Humanoide en lugar de huesos'),
    'boxes': ('Boxes', 'Recuadros'),
    'record': ('Record', 'Grabar'),
    'record_help': (
        'Writes poses, BVH, glTF and a video on the server.',
        'Escribe poses, BVH, glTF y un vídeo en el servidor.',
    ),
    'udp': ('Send by UDP to', 'Enviar por UDP a'),
    'nowhere': ('nowhere', 'ninguna parte'),
    'start': ('Start', 'Iniciar'),
    'stop': ('Stop', 'Detener'),
    'running': ('Running', 'En marcha'),
    'stopped': ('Stopped', 'Detenido'),
    'waiting': ('Waiting for the first frame ...', 'Esperando la primera imagen ...'),
    'live': ('Live', 'En vivo'),
    'browser': ('Camera of the browser', 'Cámara del navegador'),
    'photo': ('Take a picture', 'Tomar una foto'),
    'person': ('person', 'persona'),
    'score': ('score', 'confianza'),
    'joints': ('joints seen', 'articulaciones vistas'),
    'rotations': ('rotations', 'rotaciones'),
    'nobody': ('Nobody is seen.', 'No se ve a nadie.'),
    'latency': ('Latency of the last frames, ms', 'Latencia de las últimas imágenes, ms'),
    'json': ('Last message', 'Último mensaje'),
    'dropped': ('dropped', 'omitidas'),
    'random': (
        'RANDOM WEIGHTS: NO TRAINED MODEL, SO THE POSES MEAN NOTHING. Train one in minutes with '
        '`bash tools/quickstart.sh`.',
        'PESOS ALEATORIOS: NO HAY MODELO ENTRENADO, LAS POSES NO SIGNIFICAN NADA. Entrene uno en '
        'minutos con `bash tools/quickstart.sh`.',
    ),
    'shared': (
        'All visitors of this page share one pipeline.',
        'Todos los visitantes de esta página comparten un mismo proceso.',
    ),
}


def text(key: str, language: str) -> str:
    """Returns a text in one of ``LANGUAGES``."""
    return TEXTS[key][LANGUAGES[language]]
