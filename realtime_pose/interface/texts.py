"""Texts of the page in English and Spanish."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = {'English': 0, 'Español': 1}

TEXTS: dict[str, tuple[str, str]] = {
    'title': ('Live pose', 'Pose en vivo'),
    'model': ('Model', 'Modelo'),
    'device': ('Device', 'Dispositivo'),
    'source': ('Source', 'Fuente'),
    'source_help': (
        'Of the cameras, the first is that of your browser, whose pictures everybody sees who has '
        'this page open; the others are those of the server.',
        'De las cámaras, la primera es la de su navegador, cuyas imágenes ve todo el que tenga '
        'abierta esta página; las demás son las del servidor.',
    ),
    'synthetic': ('synthetic figure', 'figura sintética'),
    'browser_camera': ('camera of your browser', 'cámara de su navegador'),
    'server_camera': ('camera of the server', 'cámara del servidor'),
    'random_name': ('random weights', 'pesos aleatorios'),
    'size': ('Size of camera or figure', 'Tamaño de la cámara o figura'),
    'fps': ('Frames per second of the source', 'Imágenes por segundo de la fuente'),
    'target_fps': ('Rate to hold by doing less', 'Ritmo que se mantiene haciendo menos'),
    'adaptive': ('Hold a frame rate', 'Mantener un ritmo'),
    'threshold': ('Show joints above', 'Mostrar articulaciones por encima de'),
    'smoothing': ('Steady the joints', 'Suavizar las articulaciones'),
    'people': ('At most so many people', 'Personas como máximo'),
    'lift': ('3D (approximate, from one camera)', '3D (aproximado, de una sola cámara)'),
    'rig': ('3D model', 'Modelo 3D'),
    'humanoid': ('humanoid', 'humanoide'),
    'bones': ('Bones only', 'Solo los huesos'),
    'no_webgl': (
        'This browser cannot draw in 3D: WebGL 2 is off or missing.',
        'Este navegador no puede dibujar en 3D: WebGL 2 está desactivado o no existe.',
    ),
    'no_rig': (
        'The 3D model cannot be shown: {reason}',
        'No se puede mostrar el modelo 3D: {reason}',
    ),
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
    'stopping': ('Completing the files ...', 'Completando los archivos ...'),
    'stopped': ('Stopped', 'Detenido'),
    'waiting': ('Waiting for the first frame ...', 'Esperando la primera imagen ...'),
    'method_3d': ('3D', '3D'),
    'flat': ('none', 'no'),
    'bone_lengths (approximate)': ('approximate', 'aproximado'),
    'person': ('person', 'persona'),
    'score': ('score', 'certeza'),
    'joints': ('joints', 'articulaciones'),
    'rotations': ('bones', 'huesos'),
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
    'full': ('full effort', 'esfuerzo completo'),
    'no flip test': ('no flip test', 'sin imagen reflejada'),
    'no flip test, detector three times as seldom': (
        'no flip test, detector three times as seldom',
        'sin imagen reflejada, detector tres veces menos frecuente',
    ),
    'no flip test, detector ten times as seldom': (
        'no flip test, detector ten times as seldom',
        'sin imagen reflejada, detector diez veces menos frecuente',
    ),
    'no flip test, detector ten times as seldom, one person': (
        'no flip test, detector ten times as seldom, one person',
        'sin imagen reflejada, detector diez veces menos frecuente, una persona',
    ),
    'failed': ('It ended: {reason}', 'Se ha detenido: {reason}'),
    'refused': ('It cannot start: {reason}', 'No se puede iniciar: {reason}'),
    'problem': ('Out of order: {reason}', 'No funciona: {reason}'),
    'over': (
        'The source is over after {number} frames.',
        'La fuente ha terminado tras {number} imágenes.',
    ),
    'unwatched': (
        'It stopped: no page was open for {seconds:g} s.',
        'Se ha detenido: ninguna página estuvo abierta durante {seconds:g} s.',
    ),
    'recording': ('Recording to {folder}', 'Grabando en {folder}'),
    'recorded': ('The recording is in {folder}', 'La grabación está en {folder}'),
    'sending': (
        ':red[●] The pictures of your camera go to the server of this page.',
        ':red[●] Las imágenes de su cámara van al servidor de esta página.',
    ),
    'elsewhere': (
        'The camera is that of another page. Press Start to take yours.',
        'La cámara es la de otra página. Pulse Iniciar para usar la suya.',
    ),
    'NotAllowedError': (
        'Your browser was not allowed to use its camera. Allow it beside the address of the page, '
        'and press Start again.',
        'Su navegador no tiene permiso para usar la cámara. Concédalo junto a la dirección de la '
        'página y pulse Iniciar otra vez.',
    ),
    'NotFoundError': (
        'Your browser found no camera.',
        'Su navegador no ha encontrado ninguna cámara.',
    ),
    'NotReadableError': (
        'The camera of your browser is in use elsewhere, or was unplugged.',
        'La cámara de su navegador está en uso en otro sitio o se ha desconectado.',
    ),
    'InsecureContext': (
        'Browsers give their camera only to pages of https or localhost.',
        'Los navegadores solo ceden su cámara a páginas https o de localhost.',
    ),
    'camera_failed': (
        'The camera of your browser fails: {reason}',
        'La cámara de su navegador falla: {reason}',
    ),
    'any_host': (
        'This page is off, because it would answer to other sites: start it in the folder of '
        '`.streamlit/config.toml`, the root of the checkout, or give `--server.allowedHosts`.',
        'Esta página está desactivada porque respondería a otros sitios: iníciela en la carpeta '
        'de `.streamlit/config.toml`, la raíz del proyecto, o indique `--server.allowedHosts`.',
    ),
    'shared': (
        'All visitors of this page share one pipeline.',
        'Todos los visitantes de esta página comparten un mismo proceso.',
    ),
}


def text(key: str, language: str) -> str:
    """Returns a text in one of ``LANGUAGES``."""
    return TEXTS[key][LANGUAGES[language]]


@dataclass(frozen=True)
class StatusText:
    """Translatable status line: key of a text and the values to insert.

    Attributes:
        key: Key of the text.
        reason: Error message, in English.
        folder: Folder of a recording.
        number: Number of frames.
        seconds: Duration.
    """

    key: str
    reason: str = ''
    folder: str = ''
    number: int = 0
    seconds: float = 0.0

    def text(self, language: str) -> str:
        """Returns the text in one of ``LANGUAGES``."""
        return text(self.key, language).format(
            reason=self.reason, folder=self.folder, number=self.number, seconds=self.seconds
        )
